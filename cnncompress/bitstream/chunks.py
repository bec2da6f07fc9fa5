"""What a .cnc file may hold: layouts of planes, types of chunks, and which of them belong together.

* The image is in exactly one chunk, the first: type 0 holds its colours as AVIF, type 1 latents, type 2 all planes
  without loss, type 3 the original file. An image in tiles has a chunk of type 1 for each, in their order. The header
  names the type.
* Type 4 holds the alpha plane: exactly one beside AVIF and latents if the layout has alpha, none otherwise.
* Types 128..131 hold metadata (`cnncompress.bitstream.ancillary`), at most one of each.
* Other types below 128 need a newer reader; other types from 128 on are ancillary, and nobody needs them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

FIRST_ANCILLARY_TYPE = 128

Mode = Literal["L", "LA", "RGB", "RGBA", "1"]
_MODES: tuple[Mode, ...] = ("L", "LA", "RGB", "RGBA", "1")

Coding = Literal["avif", "learned", "lossless", "stored"]


class Layout(enum.IntEnum):
    """Which planes the image has."""

    GRAY = 0
    GRAY_ALPHA = 1
    RGB = 2
    RGBA = 3
    BILEVEL = 4

    @property
    def has_alpha(self) -> bool:
        """Whether the image has an alpha plane."""
        return self in (Layout.GRAY_ALPHA, Layout.RGBA)

    @property
    def is_gray(self) -> bool:
        """Whether the image has one luminance plane instead of three colour planes."""
        return self in (Layout.GRAY, Layout.GRAY_ALPHA, Layout.BILEVEL)

    @property
    def mode(self) -> Mode:
        """Pillow's name of the layout."""
        return _MODES[self]


class ChunkType(enum.IntEnum):
    """The chunk types that this version knows."""

    AVIF = 0
    LATENTS = 1
    LOSSLESS = 2
    ORIGINAL = 3
    ALPHA = 4
    ICC = 128
    EXIF = 129
    XMP = 130
    SOURCE = 131


_CODINGS: dict[int, Coding] = {
    ChunkType.AVIF: "avif",
    ChunkType.LATENTS: "learned",
    ChunkType.LOSSLESS: "lossless",
    ChunkType.ORIGINAL: "stored",
}
IMAGE_TYPES = tuple(_CODINGS)
"""The types of the chunks that hold the image."""

_COLOURS_ALONE = (ChunkType.AVIF, ChunkType.LATENTS)
_AT_MOST_ONCE = (ChunkType.ICC, ChunkType.EXIF, ChunkType.XMP, ChunkType.SOURCE)


@dataclass(frozen=True)
class Chunk:
    """One part of a file: a :class:`ChunkType`, or 128..255 for an ancillary one, and its bytes."""

    type: int
    payload: bytes


def chunk_name(chunk_type: int) -> str:
    """Returns a short name for people and JSON: ``latents``, ``alpha``, ``icc``, ``ancillary-200``."""
    try:
        return ChunkType(chunk_type).name.lower()
    except ValueError:
        return f"ancillary-{chunk_type}"


def coding_of(types: Iterable[int]) -> Coding:
    """Tells by its chunks how an image is coded.

    Raises:
        KeyError: no chunk holds an image.
    """
    for chunk_type in types:
        if chunk_type in _CODINGS:
            return _CODINGS[chunk_type]
    raise KeyError("no chunk holds an image")


def unknown_type(types: Iterable[int]) -> str | None:
    """Says which critical chunk type only a newer reader knows, if there is one.

    Args:
        types: of the chunks behind those of the image.
    """
    for chunk_type in types:
        if chunk_type < FIRST_ANCILLARY_TYPE and chunk_type != ChunkType.ALPHA:
            return f"chunk type {chunk_type} is not known in this format version"
    return None


def wrong_counts(layout: Layout, types: Iterable[int], tiles: int = 1) -> str | None:
    """Says which chunks a file lacks or has too many of, if so.

    Args:
        layout: planes of the image.
        types: of all chunks.
        tiles: how many tiles the header speaks of; 1 unless the image is coded as latents.
    """
    types = tuple(types)
    images = [chunk_type for chunk_type in types if chunk_type in IMAGE_TYPES]
    if len(images) != tiles:
        return f"{len(images)} chunks hold an image, expected {tiles}"
    if len(set(images)) > 1:
        return "chunks hold the image in different codings"
    wanted = int(layout.has_alpha and images[0] in _COLOURS_ALONE)
    found = types.count(ChunkType.ALPHA)
    if found != wanted:
        return f"{found} alpha chunks in a {layout.mode} image that is {coding_of(images)}, expected {wanted}"
    for chunk_type in _AT_MOST_ONCE:
        if types.count(chunk_type) > 1:
            return f"{types.count(chunk_type)} {chunk_name(chunk_type)} chunks, expected at most 1"
    return None
