"""The header of a .cnc file: 18 bytes about the image and how it was made."""

from __future__ import annotations

import operator
import struct
from dataclasses import dataclass

from cnncompress.bitstream.chunks import Layout
from cnncompress.errors import BadMagic, Corrupt, Truncated, UnsupportedVersion

MAGIC = b"\x89CNC"
FORMAT_VERSION = 1
HEADER = struct.Struct("<4sBBHHH4sH")

MAX_SIDE = 0xFFFF
MAX_QUALITY_HUNDREDTHS = 100_00
MAX_CHUNKS = 0xFFFF
FINGERPRINT_BYTES = 4
NO_FINGERPRINT = bytes(FINGERPRINT_BYTES)

WHOLE = 0
"""The side of the tiles of an image that is one tile."""

TILE_SIDES = tuple(64 << number for number in range(9))
"""What else the side may be: 64, 128, .. 16384 pixels."""

_SIDES = (WHOLE, *TILE_SIDES)
_LAYOUT_BITS = 4


@dataclass(frozen=True)
class Header:
    """What the first bytes of a file say.

    Attributes:
        layout: planes of the image.
        width: pixels, 1..65535.
        height: pixels, 1..65535.
        quality_hundredths: hundredths of a quality step, 0..10000; 0 if the coding is not learned.
        fingerprint: first 4 bytes of the SHA-256 of the weights file; zeros if the coding is not learned.
        tile_side: pixels, one of `TILE_SIDES`, or `WHOLE` if there is one tile only, or the coding is not learned.
        version: version of the format.
    """

    layout: Layout
    width: int
    height: int
    quality_hundredths: int
    fingerprint: bytes
    tile_side: int = WHOLE
    version: int = FORMAT_VERSION

    @property
    def quality(self) -> float:
        """The quality as users give it, 0..100."""
        return self.quality_hundredths / 100


def tiles_along(length: int, side: int) -> int:
    """Returns how many tiles lie along an edge of an image.

    Args:
        length: pixels of the edge, at least 1.
        side: one of `TILE_SIDES`, or `WHOLE`. What is left at the end is a tile of its own from half a side on.
    """
    return max(1, (length + side // 2) // side) if side != WHOLE else 1


def tile_count(header: Header) -> int:
    """Returns how many tiles the image of a file has, each of which is one chunk if the coding is learned."""
    return tiles_along(header.width, header.tile_side) * tiles_along(header.height, header.tile_side)


def pack_header(header: Header, chunks: int) -> bytes:
    """Returns the bytes of a header.

    Args:
        header: its fields.
        chunks: how many there are.

    Raises:
        ValueError: a value does not fit in its field.
    """
    if header.version != FORMAT_VERSION:
        raise ValueError(f"version is {header.version}, only {FORMAT_VERSION} can be written")
    if len(header.fingerprint) != FINGERPRINT_BYTES:
        raise ValueError(f"fingerprint has {len(header.fingerprint)} bytes, expected {FINGERPRINT_BYTES}")
    if header.tile_side not in _SIDES:
        raise ValueError(f"side of the tiles is {header.tile_side}, expected one of {', '.join(map(str, _SIDES))}")
    return HEADER.pack(
        MAGIC,
        header.version,
        Layout(header.layout) | _SIDES.index(header.tile_side) << _LAYOUT_BITS,
        bounded("width", header.width, 1, MAX_SIDE),
        bounded("height", header.height, 1, MAX_SIDE),
        bounded("quality_hundredths", header.quality_hundredths, 0, MAX_QUALITY_HUNDREDTHS),
        header.fingerprint,
        bounded("number of chunks", chunks, 1, MAX_CHUNKS),
    )


def unpack_header(view: memoryview) -> Header:
    """Reads a header whose checksum was right.

    Args:
        view: at least `HEADER.size` bytes, of which `number_of_chunks` has looked at the first.

    Raises:
        Corrupt: a value is out of its range.
    """
    _, version, layout, width, height, quality, fingerprint, _ = HEADER.unpack_from(view)
    header = Header(_layout(layout), width, height, quality, fingerprint, _tile_side(layout), version)
    _check_ranges(header)
    return header


def number_of_chunks(view: memoryview) -> int:
    """Reads how many chunks a file says it has.

    Raises:
        BadMagic, UnsupportedVersion, Truncated: it does not begin like a file that can be read.
    """
    _check_start(view)
    if len(view) < HEADER.size:
        raise Truncated(f"the file ends in its header, after {len(view)} of {HEADER.size} bytes")
    *_, count = HEADER.unpack_from(view)
    return int(count)


def bounded(field: str, value: int, lowest: int, highest: int) -> int:
    """Returns a value.

    Raises:
        ValueError: it does not fit in its field.
    """
    value = operator.index(value)
    if not lowest <= value <= highest:
        raise ValueError(f"{field} is {value}, expected {lowest}..{highest}")
    return value


def _check_start(view: memoryview) -> None:
    start = bytes(view[: len(MAGIC)])
    if start != MAGIC:
        if MAGIC.startswith(start):
            raise Truncated("the file is empty" if not start else f"the file ends after {len(start)} bytes")
        raise BadMagic("not a .cnc file")
    if len(view) == len(MAGIC):
        raise Truncated(f"the file ends in its header, after {len(view)} of {HEADER.size} bytes")
    version = view[len(MAGIC)]
    if version > FORMAT_VERSION:
        raise UnsupportedVersion(
            f"needs a newer cnncompress that reads format version {version}; this one reads {FORMAT_VERSION}"
        )


def _layout(value: int) -> Layout:
    number = value & (1 << _LAYOUT_BITS) - 1
    try:
        return Layout(number)
    except ValueError:
        raise Corrupt(f"layout is {number}, expected 0..{max(Layout)}") from None


def _tile_side(value: int) -> int:
    number = value >> _LAYOUT_BITS
    if number >= len(_SIDES):
        raise Corrupt(f"side of the tiles is number {number}, expected 0..{len(_SIDES) - 1}")
    return _SIDES[number]


def _check_ranges(header: Header) -> None:
    if header.version < 1:
        raise Corrupt(f"format version is {header.version}, expected 1..{FORMAT_VERSION}")
    if header.width < 1 or header.height < 1:
        raise Corrupt(f"the image is {header.width}x{header.height} pixels, expected at least 1x1")
    if header.quality_hundredths > MAX_QUALITY_HUNDREDTHS:
        raise Corrupt(f"quality is {header.quality_hundredths} hundredths, expected 0..{MAX_QUALITY_HUNDREDTHS}")
