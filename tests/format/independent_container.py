"""The container, written from docs/FORMAT.md alone: parts, checksums, planes and metadata. No code of the package."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LATENTS, ALPHA, LOSSLESS, ORIGINAL = 1, 2, 3, 4
ICC, EXIF, XMP = 128, 129, 130
MODES = ("L", "LA", "RGB", "RGBA", "1")
WITH_ALPHA, GRAY, BLACK_AND_WHITE = (1, 3), (0, 1, 4), 4
KNOWN = (LATENTS, ALPHA, LOSSLESS, ORIGINAL)
ONCE = (ICC, EXIF, XMP, 131)
MAX_METADATA = 16777216

Plane = NDArray[np.uint8]


class BadFile(Exception):
    """What the table of checks calls the error: foreign, newer, truncated or corrupt."""


def check(condition: bool, error: str) -> None:
    """Raises the error unless the condition holds."""
    if not condition:
        raise BadFile(error)


@dataclass(frozen=True)
class Tile:
    """A part of the image with latents of its own, in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class File:
    """Header fields, and the chunks in their order."""

    layout: int
    tile_side: int
    width: int
    height: int
    quality: int
    fingerprint: bytes
    chunks: tuple[tuple[int, bytes], ...]

    def payload(self, kind: int) -> bytes | None:
        """The bytes of the first chunk of a type, None if there is none."""
        return next(iter(self.payloads(kind)), None)

    def payloads(self, kind: int) -> list[bytes]:
        """The bytes of all chunks of a type, in their order."""
        return [payload for found, payload in self.chunks if found == kind]

    def tiles(self) -> list[Tile]:
        """The tiles in the order of their chunks."""
        rows, columns = (_starts(length, self.tile_side) for length in (self.height, self.width))
        return [
            Tile(left, top, right - left, bottom - top)
            for top, bottom in pairwise([*rows, self.height])
            for left, right in pairwise([*columns, self.width])
        ]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin along one side of the image; 0 as the tiles' side stands for one tile."""
    return [side * i for i in range(max(1, (length + side // 2) // side))] if side else [0]


def read_file(data: bytes) -> File:
    """Makes the checks of "Order of a reader's checks", in that order."""
    if data[:4] != b"\x89CNC":
        raise BadFile("truncated" if b"\x89CNC".startswith(data[:4]) else "foreign")
    check(len(data) > 4, "truncated")
    check(data[4] <= 1, "newer")
    check(len(data) >= 18, "truncated")
    version, layout_and_tiles, width, height, quality, fingerprint, count = struct.unpack("<BBHHH4sH", data[4:18])
    layout, k = layout_and_tiles % 16, layout_and_tiles // 16
    table_end = 18 + 9 * count
    check(len(data) >= table_end + 4, "truncated")
    check(zlib.crc32(data[:table_end]) == struct.unpack("<I", data[table_end : table_end + 4])[0], "corrupt")
    in_range = version == 1 and layout <= 4 and k <= 9 and width >= 1 and height >= 1 and quality <= 10000
    check(in_range, "corrupt")
    entries = [struct.unpack("<BII", data[18 + 9 * i : 27 + 9 * i]) for i in range(count)]
    kinds = [kind for kind, _, _ in entries]
    check(all(kind >= 128 or kind in KNOWN for kind in kinds), "newer")
    tile_side = 64 * 2 ** (k - 1) if k else 0
    tiles = len(_starts(height, tile_side)) * len(_starts(width, tile_side))
    check(k == 0 or tiles >= 2, "corrupt")
    images = [kind for kind in kinds if kind in (LATENTS, LOSSLESS, ORIGINAL)]
    check(images in ([LATENTS] * tiles, [LOSSLESS], [ORIGINAL]), "corrupt")
    check(kinds.count(ALPHA) == int(LATENTS in images and layout in WITH_ALPHA), "corrupt")
    check(all(kinds.count(kind) <= 1 for kind in ONCE), "corrupt")
    check(LATENTS in images or (quality == 0 and fingerprint == bytes(4) and k == 0), "corrupt")
    total = table_end + 4 + sum(length for _, length, _ in entries)
    check(len(data) >= total, "truncated")
    check(len(data) <= total, "corrupt")
    chunks = []
    position = table_end + 4
    for kind, length, checksum in entries:
        payload = data[position : position + length]
        check(zlib.crc32(payload) == checksum, "corrupt")
        chunks.append((kind, payload))
        position += length
    return File(layout, tile_side, width, height, quality, fingerprint, tuple(chunks))


def read_metadata(file: File) -> dict[int, bytes]:
    """Inflates the metadata chunks, by their types."""
    found = {}
    for kind in (ICC, EXIF, XMP):
        payload = file.payload(kind)
        if payload is None:
            continue
        inflater = zlib.decompressobj(-15)
        try:
            found[kind] = inflater.decompress(payload, MAX_METADATA + 1)
        except zlib.error:
            raise BadFile("corrupt") from None
        check(len(found[kind]) <= MAX_METADATA and inflater.eof and not inflater.unused_data, "corrupt")
    check(EXIF not in found or found[EXIF][:4] in (b"II*\0", b"MM\0*"), "corrupt")
    return found


def read_alpha(file: File) -> Plane:
    """The alpha plane beside latents, uint8 [H, W]."""
    samples, is_png, mode = _open(file, file.payload(ALPHA) or b"")
    if is_png:
        check(mode == "L", "corrupt")
        return samples
    check(mode == "RGB", "corrupt")
    return _gray(samples)


def read_lossless(file: File) -> Plane:
    """All planes of the layout, uint8 [H, W] or [H, W, C]."""
    samples, is_png, mode = _open(file, file.payload(LOSSLESS) or b"")
    if is_png:
        check(mode == ("L" if file.layout == BLACK_AND_WHITE else MODES[file.layout]), "corrupt")
    else:
        check(mode == "RGB" or (mode == "RGBA" and file.layout in WITH_ALPHA), "corrupt")
        if file.layout in WITH_ALPHA and mode == "RGB":
            samples = np.dstack([samples, np.full(samples.shape[:2], 255, np.uint8)])
        if file.layout in GRAY:
            gray = _gray(samples[..., :3])
            samples = np.dstack([gray, samples[..., 3]]) if file.layout in WITH_ALPHA else gray
    check(file.layout != BLACK_AND_WHITE or set(np.unique(samples)) <= {0, 255}, "corrupt")
    return samples


def _open(file: File, payload: bytes) -> tuple[Plane, bool, str]:
    is_png = payload.startswith(b"\x89PNG\r\n\x1a\n")
    is_webp = payload[:4] == b"RIFF" and payload[8:16] == b"WEBPVP8L"
    check(is_png or is_webp, "corrupt")
    try:
        image = Image.open(io.BytesIO(payload), formats=["PNG" if is_png else "WEBP"])
        check(image.size == (file.width, file.height) and "transparency" not in image.info, "corrupt")
        return np.asarray(image), is_png, image.mode
    except (OSError, SyntaxError, ValueError):
        raise BadFile("corrupt") from None


def _gray(samples: Plane) -> Plane:
    check(bool((samples == samples[..., :1]).all()), "corrupt")
    return np.ascontiguousarray(samples[..., 0])
