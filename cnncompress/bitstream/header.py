"""The header of a .cnc file: 15 bytes about the image and how it was made, or 11 if no model was needed."""

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
"""The side of the tiles of an image that is one tile."""

TILE_SIDES = tuple(64 << number for number in range(9))
"""What else the side may be: 64, 128, .. 16384 pixels."""

_FIELDS = struct.Struct("<BBHHH")
_SIDES = (WHOLE, *TILE_SIDES)
_LAYOUT_BITS = 3
_HAS_OTHERS = 0x80
_QUALITY_BITS = 14


@dataclass(frozen=True)
class Header:
    """What the first bytes of a file say.

    Attributes:
        layout: planes of the image.
        width: pixels, 1..65535.
        height: pixels, 1..65535.
        quality_hundredths: that it was coded at; the lowest if nothing was lost.
        fingerprint: first 4 bytes of the SHA-256 of the weights file; zeros if the coding is not learned.
        tile_side: pixels, one of `TILE_SIDES`, or `WHOLE` if there is one tile only, or the coding is not learned.
        version: version of the format.
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
        """The quality as users give it, 0..100."""
        return self.quality_hundredths / 100


@dataclass(frozen=True)
class FileStart:
    """A header, and what it says about the chunks.

    Attributes:
        header: the image.
        image_type: type of the chunks that hold it, one of `IMAGE_TYPES`.
        has_others: whether there are other chunks.
    """

    header: Header
    image_type: ChunkType
    has_others: bool


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


def pack_header(start: FileStart) -> bytes:
    """Returns the bytes of a header.

    Raises:
        ValueError: a value does not fit in its field, or does not go with the others.
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
    """Reads a header, whatever the checksums say.

    Args:
        fields: at the beginning of the file.

    Raises:
        BadMagic: not a .cnc file.
        UnsupportedVersion: a newer version of the format.
        Truncated: the file ends before.
        Corrupt: a value is out of its range, or does not go with the others.
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
    """Returns a value.

    Raises:
        ValueError: it does not fit in its field.
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
    """Says which values do not go together, if some do not."""
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
