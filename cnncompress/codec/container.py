"""The .cnc container: a header, a table of chunks, and their payloads.

* All integers are unsigned and little-endian. Nothing stands before the header, between the parts or after
  the last payload: the parts cover the file exactly.
* Header, 18 bytes: magic ``89 43 4E 43`` (``\\x89CNC``), version u8 = 1, layout u8, width u16, height u16,
  quality u16, model fingerprint 4 bytes, number of chunks u16.
* Width and height: 1..65535 pixels. Quality: hundredths, 0..10000. Fingerprint: the first 4 bytes of the SHA-256 of the
  weights file. Quality and fingerprint are 0 in files that need no weights.
* Table, 9 bytes a chunk: type u8, payload length u32 in bytes, CRC-32 of the payload u32.
* Check, 4 bytes: CRC-32 of header and table. Then the payloads, in the order of the table.
* CRC-32 is that of zlib, PNG and gzip (polynomial 0xEDB88320).
* A reader checks in this order: magic, version, header complete, table and check complete, CRC of header and
  table, value ranges, chunk types, payload lengths against the file, CRC of each payload.

Layouts and chunk types are in `cnncompress.codec.chunks`. A file with one chunk has 31 bytes of overhead. The same in
prose: docs/FORMAT.md.
"""

from __future__ import annotations

import operator
import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from cnncompress.codec.chunks import (
    Chunk,
    ChunkType,
    Coding,
    Layout,
    Mode,
    chunk_name,
    coding_of,
    unknown_types,
    wrong_counts,
)
from cnncompress.errors import BadMagic, Corrupt, Truncated, UnsupportedVersion

__all__ = [
    "Chunk", "ChunkType", "Coding", "Container", "Entry", "Head", "Header", "Layout", "Mode",
    "chunk_name", "head_bytes", "pack", "unpack", "unpack_head",
]  # fmt: skip

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
NO_FINGERPRINT = bytes(FINGERPRINT_BYTES)


@dataclass(frozen=True)
class Header:
    """What the first bytes of a file say.

    Attributes:
        layout: planes of the image.
        width: pixels, 1..65535.
        height: pixels, 1..65535.
        quality_hundredths: hundredths of a quality step, 0..10000; 0 if the coding is not learned.
        fingerprint: first 4 bytes of the SHA-256 of the weights file; zeros if the coding is not learned.
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


class Entry(NamedTuple):
    """A chunk as the table has it, and where its payload stands in the file."""

    type: int
    offset: int
    length: int
    check: int

    def verified(self, payload: bytes) -> bytes:
        """Returns the payload.

        Raises:
            Corrupt: its checksum does not match.
        """
        if zlib.crc32(payload) != self.check:
            raise Corrupt(f"the checksum of the {chunk_name(self.type)} chunk does not match")
        return payload


@dataclass(frozen=True)
class Head:
    """Header and table: everything before the payloads.

    Attributes:
        header: the header.
        entries: the chunks, in file order.
        file_bytes: how long the whole file must be.
    """

    header: Header
    entries: tuple[Entry, ...]
    file_bytes: int


@dataclass(frozen=True)
class Container:
    """A whole file, taken apart."""

    header: Header
    chunks: tuple[Chunk, ...]

    @property
    def coding(self) -> Coding:
        """How the image is coded."""
        return coding_of(chunk.type for chunk in self.chunks)

    def payload(self, chunk_type: ChunkType) -> bytes:
        """Returns the bytes of the chunk of that type.

        After :func:`unpack` there is always one of latents, lossless planes and original file, and beside latents
        the alpha plane if ``header.layout.has_alpha``.

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
    types = tuple(chunk.type for chunk in container.chunks)
    problem = unknown_types(types) or wrong_counts(header.layout, types) or _wrong_model(header, types)
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
    head = unpack_head(view)
    payloads = sum(entry.length for entry in head.entries)
    if len(view) < head.file_bytes:
        raise Truncated(f"{head.file_bytes - len(view)} of {payloads} payload bytes are missing")
    if len(view) > head.file_bytes:
        raise Corrupt(f"{len(view) - head.file_bytes} bytes too many at the end of the file")
    chunks = (
        Chunk(entry.type, entry.verified(bytes(view[entry.offset : entry.offset + entry.length])))
        for entry in head.entries
    )
    return Container(head.header, tuple(chunks))


def head_bytes(start: bytes | memoryview) -> int:
    """Tells from a file's first bytes, ``HEADER.size`` or more, how long header, table and check are together.

    Raises:
        BadMagic, UnsupportedVersion, Truncated: as for :func:`unpack`.
    """
    view = memoryview(start).cast("B")
    _check_start(view)
    if len(view) < HEADER.size:
        raise Truncated(f"the file ends in its header, after {len(view)} of {HEADER.size} bytes")
    *_, count = HEADER.unpack_from(view)
    return HEADER.size + int(count) * TABLE_ENTRY.size + CHECK.size


def unpack_head(data: bytes | memoryview) -> Head:
    """Reads and checks header and table, whether or not the payloads are there.

    Args:
        data: a file or its beginning, at least :func:`head_bytes`.

    Raises:
        BadMagic, UnsupportedVersion, Truncated, Corrupt: as for :func:`unpack`.
    """
    view = memoryview(data).cast("B")
    payload_start = head_bytes(view)
    if len(view) < payload_start:
        raise Truncated(f"the file ends in its chunk table, after {len(view)} of {payload_start} bytes")
    table_end = payload_start - CHECK.size
    (check,) = CHECK.unpack_from(view, table_end)
    if zlib.crc32(view[:table_end]) != check:
        raise Corrupt("the checksum of the header does not match")

    _, version, layout, width, height, quality, fingerprint, _ = HEADER.unpack_from(view)
    header = Header(_layout(layout), width, height, quality, fingerprint, version)
    _check_ranges(header)
    entries = []
    offset = payload_start
    for kind, length, payload_check in TABLE_ENTRY.iter_unpack(view[HEADER.size : table_end]):
        entries.append(Entry(kind, offset, length, payload_check))
        offset += length
    types = tuple(entry.type for entry in entries)
    newer = unknown_types(types)
    if newer:
        raise UnsupportedVersion(f"{newer}; a newer cnncompress may know it")
    wrong = wrong_counts(header.layout, types) or _wrong_model(header, types)
    if wrong:
        raise Corrupt(wrong)
    return Head(header, tuple(entries), offset)


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


def _wrong_model(header: Header, types: tuple[int, ...]) -> str | None:
    coding = coding_of(types)
    if coding != "learned" and (header.quality_hundredths or header.fingerprint != NO_FINGERPRINT):
        return f"a quality or a model in the header of an image that is {coding}"
    return None


def _bounded(field: str, value: int, lowest: int, highest: int) -> int:
    value = operator.index(value)
    if not lowest <= value <= highest:
        raise ValueError(f"{field} is {value}, expected {lowest}..{highest}")
    return value
