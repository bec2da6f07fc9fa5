"""The .cnc container: a header, a table of chunks, and their payloads.

* All integers are unsigned and little-endian. Nothing stands before the header, between the parts or after
  the last payload: the parts cover the file exactly.
* Header, 18 bytes: magic ``89 43 4E 43`` (``\\x89CNC``), version u8 = 1, layout u8, width u16, height u16,
  quality u16, model fingerprint 4 bytes, number of chunks u16.
* Layout: 0 gray, 1 gray + alpha, 2 RGB, 3 RGBA. Width and height: 1..65535 pixels. Quality: hundredths,
  0..10000. Fingerprint: the first 4 bytes of the SHA-256 of the weights file.
* Table, 9 bytes a chunk: type u8, payload length u32 in bytes, CRC-32 of the payload u32.
* Check, 4 bytes: CRC-32 of header and table.
* Payloads, in the order of the table.
* CRC-32 is that of zlib, PNG and gzip (polynomial 0xEDB88320).
* Chunk type 1 holds the latents: exactly one. Type 2 holds the alpha plane: exactly one if the layout has
  alpha, none otherwise. A reader refuses other types below 128 (a newer version is needed) and skips unknown
  types 128..255 (ancillary) after checking their length and CRC.
* A reader checks in this order: magic, version, header complete, table and check complete, CRC of header and
  table, value ranges, payload lengths against the file, CRC of each payload.

A file with one chunk has 31 bytes of overhead. The same in prose: docs/FORMAT.md.
"""

from __future__ import annotations

import enum
import operator
import struct
import zlib
from dataclasses import dataclass
from typing import Literal

from cnncompress.errors import BadMagic, Corrupt, Truncated, UnsupportedVersion

MAGIC = b"\x89CNC"
FORMAT_VERSION = 1

HEADER = struct.Struct("<4sBBHHH4sH")
TABLE_ENTRY = struct.Struct("<BII")
CHECK = struct.Struct("<I")

MAX_SIDE = 0xFFFF
MAX_QUALITY_HUNDREDTHS = 100_00
MAX_CHUNKS = 0xFFFF
MAX_PAYLOAD_BYTES = 0xFFFF_FFFF
FINGERPRINT_BYTES = 4
FIRST_ANCILLARY_TYPE = 128

Mode = Literal["L", "LA", "RGB", "RGBA"]
_MODES: tuple[Mode, ...] = ("L", "LA", "RGB", "RGBA")


class Layout(enum.IntEnum):
    """Which planes the image has."""

    GRAY = 0
    GRAY_ALPHA = 1
    RGB = 2
    RGBA = 3

    @property
    def has_alpha(self) -> bool:
        """Whether the image has an alpha plane."""
        return self in (Layout.GRAY_ALPHA, Layout.RGBA)

    @property
    def is_gray(self) -> bool:
        """Whether the image has one luminance plane instead of three colour planes."""
        return self in (Layout.GRAY, Layout.GRAY_ALPHA)

    @property
    def mode(self) -> Mode:
        """Pillow's name of the layout."""
        return _MODES[self]


class ChunkType(enum.IntEnum):
    """The chunk types that this version knows."""

    LATENTS = 1
    ALPHA = 2


@dataclass(frozen=True)
class Header:
    """What the first bytes of a file say.

    Attributes:
        layout: planes of the image.
        width: pixels, 1..65535.
        height: pixels, 1..65535.
        quality_hundredths: hundredths of a quality step, 0..10000.
        fingerprint: first 4 bytes of the SHA-256 of the weights file.
        version: version of the format.
    """

    layout: Layout
    width: int
    height: int
    quality_hundredths: int
    fingerprint: bytes
    version: int = FORMAT_VERSION

    @property
    def quality(self) -> float:
        """The quality as users give it, 0..100."""
        return self.quality_hundredths / 100


@dataclass(frozen=True)
class Chunk:
    """One part of a file: a :class:`ChunkType`, or 128..255 for an ancillary one, and its bytes."""

    type: int
    payload: bytes


@dataclass(frozen=True)
class Container:
    """A whole file, taken apart."""

    header: Header
    chunks: tuple[Chunk, ...]

    def payload(self, chunk_type: ChunkType) -> bytes:
        """Returns the bytes of the chunk of that type.

        After :func:`unpack` the latents are always there, the alpha plane if ``header.layout.has_alpha``.

        Raises:
            KeyError: there is no such chunk.
        """
        for chunk in self.chunks:
            if chunk.type == chunk_type:
                return chunk.payload
        raise KeyError(chunk_type)


def pack(container: Container) -> bytes:
    """Returns the bytes of a file.

    Raises:
        ValueError: a value does not fit in its field, or the chunks do not fit the layout.
    """
    header = container.header
    if header.version != FORMAT_VERSION:
        raise ValueError(f"version is {header.version}, only {FORMAT_VERSION} can be written")
    if len(header.fingerprint) != FINGERPRINT_BYTES:
        raise ValueError(f"fingerprint has {len(header.fingerprint)} bytes, expected {FINGERPRINT_BYTES}")
    for chunk in container.chunks:
        _bounded("chunk type", chunk.type, 1, 0xFF)
        _bounded("payload length", len(chunk.payload), 0, MAX_PAYLOAD_BYTES)
    problem = _unknown_types(container.chunks) or _wrong_counts(header.layout, container.chunks)
    if problem:
        raise ValueError(problem)

    head = HEADER.pack(
        MAGIC,
        header.version,
        Layout(header.layout),
        _bounded("width", header.width, 1, MAX_SIDE),
        _bounded("height", header.height, 1, MAX_SIDE),
        _bounded("quality_hundredths", header.quality_hundredths, 0, MAX_QUALITY_HUNDREDTHS),
        header.fingerprint,
        _bounded("number of chunks", len(container.chunks), 1, MAX_CHUNKS),
    )
    table = b"".join(
        TABLE_ENTRY.pack(chunk.type, len(chunk.payload), zlib.crc32(chunk.payload)) for chunk in container.chunks
    )
    check = CHECK.pack(zlib.crc32(head + table))
    return b"".join([head, table, check, *(chunk.payload for chunk in container.chunks)])


def unpack(data: bytes | memoryview) -> Container:
    """Takes a file apart and checks all of it except what is inside the payloads.

    Ancillary chunks are kept, in their place.

    Raises:
        BadMagic: not a .cnc file.
        UnsupportedVersion: a newer version of the format, or a chunk type that only a newer one has.
        Truncated: the file ends too early.
        Corrupt: a checksum does not match, a value is out of its range, or there are bytes too many.
    """
    view = memoryview(data).cast("B")
    _check_start(view)
    if len(view) < HEADER.size:
        raise Truncated(f"the file ends in its header, after {len(view)} of {HEADER.size} bytes")
    _, version, layout, width, height, quality, fingerprint, count = HEADER.unpack_from(view)
    table_end = HEADER.size + count * TABLE_ENTRY.size
    payload_start = table_end + CHECK.size
    if len(view) < payload_start:
        raise Truncated(f"the file ends in its chunk table, after {len(view)} of {payload_start} bytes")
    (check,) = CHECK.unpack_from(view, table_end)
    if zlib.crc32(view[:table_end]) != check:
        raise Corrupt("the checksum of the header does not match")

    header = Header(_layout(layout), width, height, quality, fingerprint, version)
    _check_ranges(header)
    table = list(TABLE_ENTRY.iter_unpack(view[HEADER.size : table_end]))
    return Container(header, _read_payloads(header.layout, table, view[payload_start:]))


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
    try:
        return Layout(value)
    except ValueError:
        raise Corrupt(f"layout is {value}, expected 0..{max(Layout)}") from None


def _check_ranges(header: Header) -> None:
    if header.version < 1:
        raise Corrupt(f"format version is {header.version}, expected 1..{FORMAT_VERSION}")
    if header.width < 1 or header.height < 1:
        raise Corrupt(f"the image is {header.width}x{header.height} pixels, expected at least 1x1")
    if header.quality_hundredths > MAX_QUALITY_HUNDREDTHS:
        raise Corrupt(f"quality is {header.quality_hundredths} hundredths, expected 0..{MAX_QUALITY_HUNDREDTHS}")


def _read_payloads(layout: Layout, table: list[tuple[int, int, int]], view: memoryview) -> tuple[Chunk, ...]:
    lengths = [length for _, length, _ in table]
    types = tuple(Chunk(kind, b"") for kind, _, _ in table)
    newer = _unknown_types(types)
    if newer:
        raise UnsupportedVersion(f"{newer}; a newer cnncompress may know it")
    wrong = _wrong_counts(layout, types)
    if wrong:
        raise Corrupt(wrong)
    if len(view) < sum(lengths):
        raise Truncated(f"{sum(lengths) - len(view)} of {sum(lengths)} payload bytes are missing")
    if len(view) > sum(lengths):
        raise Corrupt(f"{len(view) - sum(lengths)} bytes too many at the end of the file")

    chunks = []
    start = 0
    for kind, length, check in table:
        payload = bytes(view[start : start + length])
        if zlib.crc32(payload) != check:
            raise Corrupt(f"the checksum of the {chunk_name(kind)} chunk does not match")
        chunks.append(Chunk(kind, payload))
        start += length
    return tuple(chunks)


def chunk_name(chunk_type: int) -> str:
    """Returns a short name for people and JSON: ``latents``, ``alpha``, ``ancillary-200``."""
    try:
        return ChunkType(chunk_type).name.lower()
    except ValueError:
        return f"ancillary-{chunk_type}"


def _unknown_types(chunks: tuple[Chunk, ...]) -> str | None:
    for chunk in chunks:
        if chunk.type < FIRST_ANCILLARY_TYPE and chunk.type not in tuple(ChunkType):
            return f"chunk type {chunk.type} is not known in format version {FORMAT_VERSION}"
    return None


def _wrong_counts(layout: Layout, chunks: tuple[Chunk, ...]) -> str | None:
    expected = {ChunkType.LATENTS: 1, ChunkType.ALPHA: int(layout.has_alpha)}
    for chunk_type, wanted in expected.items():
        found = sum(chunk.type == chunk_type for chunk in chunks)
        if found != wanted:
            return f"{found} {chunk_name(chunk_type)} chunks in a {layout.mode} image, expected {wanted}"
    return None


def _bounded(field: str, value: int, lowest: int, highest: int) -> int:
    value = operator.index(value)
    if not lowest <= value <= highest:
        raise ValueError(f"{field} is {value}, expected {lowest}..{highest}")
    return value
