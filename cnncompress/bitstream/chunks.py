"""Contents of a .cnc file: layouts of planes, types of chunks, and the valid combinations.

* The image is in exactly one chunk, the first: type 0 contains the colours as AVIF, type 1 latents, type 2 all planes
  without loss, type 3 the original file. An image in tiles has one chunk of type 1 per tile, in tile order. The header
  names the type.
* Type 4 contains the alpha plane: exactly one chunk if the image is coded as AVIF or latents and the layout has alpha,
  none otherwise.
* Types ``128 .. 131`` contain metadata (`cnncompress.bitstream.ancillary`), at most one chunk of each.
* Other types below 128 need a newer reader. Other types from 128 on are ancillary, and readers may ignore them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

FIRST_ANCILLARY_TYPE = 128

Mode = Literal["L", "LA", "RGB", "RGBA", "1"]
_MODES: tuple[Mode, ...] = ("L", "LA", "RGB", "RGBA", "1", "RGB", "RGBA")
_CODED_MODES: tuple[Mode, ...] = ("L", "LA", "RGB", "RGBA", "L", "L", "LA")

Coding = Literal["avif", "learned", "lossless", "stored"]


class Layout(enum.IntEnum):
    """Layout of an image: which planes it has.

    The last two are red, green and blue that are all equal, and coded as gray.
    """

    GRAY = 0
    GRAY_ALPHA = 1
    RGB = 2
    RGBA = 3
    BILEVEL = 4
    EQUAL_RGB = 5
    EQUAL_RGBA = 6

    @property
    def has_alpha(self) -> bool:
        """Whether the image has an alpha plane."""
        return self in (Layout.GRAY_ALPHA, Layout.RGBA, Layout.EQUAL_RGBA)

    @property
    def is_gray(self) -> bool:
        """Whether one luminance plane is coded instead of three colour planes."""
        return self not in (Layout.RGB, Layout.RGBA)

    @property
    def mode(self) -> Mode:
        """Pillow's mode for the image."""
        return _MODES[self]

    @property
    def coded_mode(self) -> Mode:
        """Pillow's mode for the planes that are coded."""
        return _CODED_MODES[self]


class ChunkType(enum.IntEnum):
    """Chunk types of this format version."""

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
"""Types of the chunks that contain the image."""

_COLOURS_ALONE = (ChunkType.AVIF, ChunkType.LATENTS)
_AT_MOST_ONCE = (ChunkType.ICC, ChunkType.EXIF, ChunkType.XMP, ChunkType.SOURCE)


@dataclass(frozen=True)
class Chunk:
    """One part of a file.

    Attributes:
        type: A `ChunkType`, or another number ``128 .. 255`` for an unknown ancillary chunk.
        payload: Contents of the chunk.
    """

    type: int
    payload: bytes


def chunk_name(chunk_type: int) -> str:
    """Returns the name of a chunk type in messages and JSON: ``latents``, ``alpha``, ``icc``, ``ancillary-200``."""
    try:
        return ChunkType(chunk_type).name.lower()
    except ValueError:
        return f"ancillary-{chunk_type}"


def coding_of(types: Iterable[int]) -> Coding:
    """Returns how an image is coded.

    Args:
        types: Types of the chunks of the file.

    Raises:
        KeyError: No chunk contains an image.
    """
    for chunk_type in types:
        if chunk_type in _CODINGS:
            return _CODINGS[chunk_type]
    raise KeyError("no chunk holds an image")


def unknown_type(types: Iterable[int]) -> str | None:
    """Looks for a critical chunk type that needs a newer reader.

    Args:
        types: Types of the chunks that follow those of the image.

    Returns:
        A description of the first such type; None if there is none.
    """
    for chunk_type in types:
        if chunk_type < FIRST_ANCILLARY_TYPE and chunk_type != ChunkType.ALPHA:
            return f"chunk type {chunk_type} is not known in this format version"
    return None


def wrong_counts(layout: Layout, types: Iterable[int], tiles: int = 1) -> str | None:
    """Checks the number of chunks of each type.

    Args:
        layout: Layout of the image.
        types: Types of all chunks.
        tiles: Number of tiles according to the header; 1 unless the image is coded as latents.

    Returns:
        A description of the first wrong number; None if all are right.
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
