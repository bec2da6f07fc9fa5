"""The header of a .cnc file: 15 bytes that describe the image and its coding, or 11 if no model is needed."""

from __future__ import annotations

import operator
import struct
from dataclasses import dataclass, replace

from cnncompress.bitstream.chunks import ChunkType, Layout, coding_of
from cnncompress.bitstream.fields import FieldReader
from cnncompress.errors import BadMagic, Corrupt, Truncated, UnsupportedVersion
from cnncompress.units import HIGHEST_QUALITY, LOWEST_QUALITY, Hundredths

MAGIC = b"\x89CN"
FORMAT_VERSION = 1

MAX_SIDE = 0xFFFF
MAX_TILES = 0xFFFF
FINGERPRINT_BYTES = 4
NO_FINGERPRINT = bytes(FINGERPRINT_BYTES)

WHOLE = 0
"""Value of the tile side of an untiled image."""

TILE_SIDES = tuple(64 << number for number in range(9))
"""Tile sides of tiled images: 64, 128, .. 16384 pixels."""

_FIELDS = struct.Struct("<BBHHH")
_SIDES = (WHOLE, *TILE_SIDES)
_LAYOUT_BITS = 3
_HAS_OTHERS = 0x80
_QUALITY_BITS = 14


@dataclass(frozen=True)
class Header:
    """The header of a file.

    Attributes:
        layout: Layout of the image.
        width: Width in pixels, ``1 .. 65535``.
        height: Height in pixels, ``1 .. 65535``.
        quality_hundredths: Quality of the coding in hundredths; the lowest if the coding is without loss.
        fingerprint: First 4 bytes of the SHA-256 of the weights file; zeros if the coding is not learned.
        tile_side: Side of the tiles in pixels, one of `TILE_SIDES`; `WHOLE` if the image is one tile or the coding is
            not learned.
        version: Version of the format.
    """

    layout: Layout
    width: int
    height: int
    quality_hundredths: Hundredths
    fingerprint: bytes
    tile_side: int = WHOLE
    version: int = FORMAT_VERSION

    @property
    def quality(self) -> float:
        """Quality in the unit of the public interface, ``0 .. 100``."""
        return self.quality_hundredths / 100


@dataclass(frozen=True)
class FileStart:
    """A header, with the fields that describe the chunks.

    Attributes:
        header: The other fields.
        image_type: Type of the chunks that contain the image, one of `IMAGE_TYPES`.
        has_others: Whether there are chunks other than those of the image.
    """

    header: Header
    image_type: ChunkType
    has_others: bool


def tiles_along(length: int, side: int) -> int:
    """Returns the number of tiles along an edge of an image.

    A remainder of at least half a side becomes a tile of its own; a smaller one is added to the last tile.

    Args:
        length: Length of the edge in pixels, at least 1.
        side: Side of the tiles in pixels, one of `TILE_SIDES`, or `WHOLE`.
    """
    return max(1, (length + side // 2) // side) if side != WHOLE else 1


def tile_count(header: Header) -> int:
    """Returns the number of tiles of an image; in a learned file each tile is one chunk."""
    return tiles_along(header.width, header.tile_side) * tiles_along(header.height, header.tile_side)


def pack_header(start: FileStart) -> bytes:
    """Returns the bytes of a header.

    Raises:
        ValueError: A value does not fit in its field, or contradicts another one.
    """
    header = start.header
    if header.version != FORMAT_VERSION:
        raise ValueError(f"version is {header.version}, only {FORMAT_VERSION} can be written")
    if len(header.fingerprint) != FINGERPRINT_BYTES:
        raise ValueError(f"fingerprint has {len(header.fingerprint)} bytes, expected {FINGERPRINT_BYTES}")
    if header.tile_side not in _SIDES:
        raise ValueError(f"side of the tiles is {header.tile_side}, expected one of {', '.join(map(str, _SIDES))}")
    quality = bounded("quality_hundredths", header.quality_hundredths, LOWEST_QUALITY, HIGHEST_QUALITY)
    packed = MAGIC + _FIELDS.pack(
        header.version,
        Layout(header.layout) | _SIDES.index(header.tile_side) << _LAYOUT_BITS | start.has_others * _HAS_OTHERS,
        bounded("width", header.width, 1, MAX_SIDE),
        bounded("height", header.height, 1, MAX_SIDE),
        quality | start.image_type << _QUALITY_BITS,
    )
    wrong = _contradiction(start)
    if wrong:
        raise ValueError(wrong)
    return packed + header.fingerprint if start.image_type == ChunkType.LATENTS else packed


def unpack_header(fields: FieldReader) -> FileStart:
    """Reads a header without checking checksums.

    Args:
        fields: Reader at the beginning of the file.

    Raises:
        BadMagic: The data is not a .cnc file.
        UnsupportedVersion: The file has a newer format version.
        Truncated: The file ends within the header.
        Corrupt: A value is out of its range, or contradicts another one.
    """
    version = _version(fields)
    kind = fields.unsigned(1)
    layout, side = _layout(kind), _tile_side(kind)
    width, height = _side("width", fields), _side("height", fields)
    coded = fields.unsigned(2)
    quality, image_type = coded & (1 << _QUALITY_BITS) - 1, coded >> _QUALITY_BITS
    if quality > HIGHEST_QUALITY:
        raise Corrupt(f"quality is {quality} hundredths, expected 0..{HIGHEST_QUALITY}")
    header = Header(layout, width, height, Hundredths(quality), NO_FINGERPRINT, side, version)
    start = FileStart(header, ChunkType(image_type), bool(kind & _HAS_OTHERS))
    wrong = _contradiction(start)
    if wrong:
        raise Corrupt(wrong)
    if image_type != ChunkType.LATENTS:
        return start
    return replace(start, header=replace(header, fingerprint=fields.take(FINGERPRINT_BYTES)))


def bounded(field: str, value: int, lowest: int, highest: int) -> int:
    """Returns a value after checking its range.

    Args:
        field: Name of the field, for the message.
        value: Value to check.
        lowest: Smallest value allowed.
        highest: Largest value allowed.

    Raises:
        ValueError: The value is out of range.
    """
    value = operator.index(value)
    if not lowest <= value <= highest:
        raise ValueError(f"{field} is {value}, expected {lowest}..{highest}")
    return value


def _version(fields: FieldReader) -> int:
    magic = b""
    while len(magic) < len(MAGIC):
        try:
            magic += fields.take(1)
        except Truncated:
            raise Truncated("the file is empty" if not magic else f"the file ends after {len(magic)} bytes") from None
        if not MAGIC.startswith(magic):
            raise BadMagic("not a .cnc file")
    version = fields.unsigned(1)
    if version > FORMAT_VERSION:
        raise UnsupportedVersion(
            f"needs a newer cnncompress that reads format version {version}; this one reads {FORMAT_VERSION}"
        )
    if version < 1:
        raise Corrupt(f"format version is {version}, expected 1..{FORMAT_VERSION}")
    return version


def _layout(kind: int) -> Layout:
    number = kind & (1 << _LAYOUT_BITS) - 1
    try:
        return Layout(number)
    except ValueError:
        raise Corrupt(f"layout is {number}, expected 0..{max(Layout)}") from None


def _tile_side(kind: int) -> int:
    number = (kind & ~_HAS_OTHERS) >> _LAYOUT_BITS
    if number >= len(_SIDES):
        raise Corrupt(f"side of the tiles is number {number}, expected 0..{len(_SIDES) - 1}")
    return _SIDES[number]


def _side(name: str, fields: FieldReader) -> int:
    side = fields.unsigned(2)
    if side < 1:
        raise Corrupt(f"{name} is {side}, expected 1..{MAX_SIDE}")
    return side


def _contradiction(start: FileStart) -> str | None:
    """Returns a description of values that contradict each other; None if there are none."""
    header, coding = start.header, coding_of([start.image_type])
    if header.tile_side != WHOLE:
        if coding != "learned":
            return f"tiles in the header of an image that is {coding}"
        tiles, size = tile_count(header), f"{header.width}x{header.height}"
        if tiles == 1:
            return f"tiles of {header.tile_side} pixels in an image of {size}, which is one tile"
        if tiles > MAX_TILES:
            return f"{tiles} tiles, expected at most {MAX_TILES}"
    if coding in ("lossless", "stored") and header.quality_hundredths:
        return f"a quality in the header of an image that is {coding}"
    if coding != "learned" and header.fingerprint != NO_FINGERPRINT:
        return f"a model in the header of an image that is {coding}"
    return None
