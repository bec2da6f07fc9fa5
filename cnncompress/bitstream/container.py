"""The .cnc container: a header, a table of chunks, and their payloads.

* Integers are unsigned and little-endian; a *number* is one of variable length (`cnncompress.bitstream.fields`).
  Nothing stands before the header, between the parts or after the last payload: the parts cover the file exactly.
* Header: magic ``89 43 4E`` (``\\x89CN``), version u8 = 1, kind u8, width u16, height u16, quality and coding u16, and
  the model fingerprint, 4 bytes, if the coding is learned.
* Kind: bits 0..2 are the layout, bits 3..6 the side of the tiles, and bit 7 says that there are other chunks than those
  of the image. Side of the tiles: 0 if the image is one tile, k for tiles of 64 * 2^(k - 1) pixels
  (`cnncompress.codec.tiles`).
* Width and height: 1..65535 pixels. Quality: the lower 14 bits, in hundredths, 0..10000; 0 if nothing
  is lost. Coding: the upper two bits, the type of the chunks that hold the image. Fingerprint: the first 4 bytes of the
  SHA-256 of the weights file.
* Table: of each chunk of the image its length, a number, and its check, u32. Then, if there are other chunks, how many,
  a number, and of each its type u8, length and check. Then the payloads, in the order of the table.
* The check is the CRC-32 of zlib, PNG and gzip (polynomial 0xEDB88320) of the header, the entry in the table without
  the check, and the payload.
* A reader takes the fields in their order and makes sure of each before the next; then of the chunks that there are, of
  their lengths against the file, and of the checks.

Layouts and chunk types are in `cnncompress.bitstream.chunks`. A photograph without metadata has 21 or 22 bytes of
overhead. The same in prose: docs/FORMAT.md.
"""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from cnncompress.bitstream.chunks import (
    IMAGE_TYPES,
    Chunk,
    ChunkType,
    Coding,
    Layout,
    Mode,
    chunk_name,
    coding_of,
    unknown_type,
    wrong_counts,
)
from cnncompress.bitstream.fields import MAX_NUMBER, FieldReader, pack_number
from cnncompress.bitstream.header import (
    MAGIC,
    MAX_SIDE,
    NO_FINGERPRINT,
    FileStart,
    Header,
    bounded,
    pack_header,
    tile_count,
    unpack_header,
)
from cnncompress.errors import Corrupt, Truncated, UnsupportedVersion

__all__ = [
    "MAGIC", "MAX_SIDE", "NO_FINGERPRINT",
    "Chunk", "ChunkType", "Coding", "Container", "Entry", "Head", "Header", "Layout", "Mode",
    "chunk_name", "pack", "unpack", "unpack_head",
]  # fmt: skip

CHECK_BYTES = 4
MAX_PAYLOAD_BYTES = MAX_NUMBER
MAX_OTHER_CHUNKS = 0xFFFF


class Entry(NamedTuple):
    """A chunk as the table has it, and where its payload stands in the file.

    Attributes:
        type: of the chunk.
        offset: of the payload in the file.
        length: of the payload in bytes.
        check: CRC-32 of header, entry and payload.
        before: CRC-32 of header and entry alone.
    """

    type: int
    offset: int
    length: int
    check: int
    before: int

    def matches(self, payload: bytes) -> bool:
        """Tells whether the checksum of a payload is right."""
        return zlib.crc32(payload, self.before) == self.check

    def verified(self, payload: bytes) -> bytes:
        """Returns the payload.

        Raises:
            Corrupt: its checksum does not match.
        """
        if not self.matches(payload):
            raise Corrupt(f"the checksum of the {chunk_name(self.type)} chunk does not match")
        return payload


@dataclass(frozen=True)
class Head:
    """Header and table: everything before the payloads. Only a payload's checksum tells that they are not damaged.

    Attributes:
        header: the header.
        entries: the chunks, in file order; there is at least one.
        file_bytes: how long the whole file must be.
    """

    header: Header
    entries: tuple[Entry, ...]
    file_bytes: int


@dataclass(frozen=True)
class Container:
    """A whole file, taken apart; the chunks of the image come first."""

    header: Header
    chunks: tuple[Chunk, ...]

    @property
    def coding(self) -> Coding:
        """How the image is coded."""
        return coding_of(chunk.type for chunk in self.chunks)

    def payload(self, chunk_type: ChunkType) -> bytes:
        """Returns the bytes of the chunk of that type, of the first if there are several.

        After :func:`unpack` there is always one of latents, lossless planes and original file, and beside latents
        the alpha plane if ``header.layout.has_alpha``.

        Raises:
            KeyError: there is no such chunk.
        """
        found = self.payloads(chunk_type)
        if not found:
            raise KeyError(chunk_type)
        return found[0]

    def payloads(self, chunk_type: ChunkType) -> tuple[bytes, ...]:
        """Returns the bytes of all chunks of that type, in file order; those of the latents are the tiles."""
        return tuple(chunk.payload for chunk in self.chunks if chunk.type == chunk_type)


def pack(container: Container) -> bytes:
    """Returns the bytes of a file.

    Raises:
        ValueError: a value does not fit in its field, the chunks do not fit the header, or those of the image are not
            the first.
    """
    image = list(itertools.takewhile(lambda chunk: chunk.type in IMAGE_TYPES, container.chunks))
    others = container.chunks[len(image) :]
    for chunk in container.chunks:
        bounded("chunk type", chunk.type, 0, 0xFF)
        bounded("payload length", len(chunk.payload), 0, MAX_PAYLOAD_BYTES)
    bounded("number of other chunks", len(others), 0, MAX_OTHER_CHUNKS)
    if not image:
        raise ValueError("the first chunk does not hold an image")
    header = pack_header(FileStart(container.header, ChunkType(image[0].type), bool(others)))
    types = [chunk.type for chunk in container.chunks]
    problem = unknown_type(types[len(image) :]) or wrong_counts(
        container.header.layout, types, tile_count(container.header)
    )
    if problem:
        raise ValueError(problem)
    before = zlib.crc32(header)
    table = [_pack_entry(b"", chunk.payload, before) for chunk in image]
    if others:
        table.append(pack_number(len(others)))
        table += [_pack_entry(bytes([chunk.type]), chunk.payload, before) for chunk in others]
    return b"".join([header, *table, *(chunk.payload for chunk in container.chunks)])


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
        raise Corrupt("there are bytes too many at the end of the file")  # how many, only who reads all of it knows
    chunks = (
        Chunk(entry.type, entry.verified(bytes(view[entry.offset : entry.offset + entry.length])))
        for entry in head.entries
    )
    return Container(head.header, tuple(chunks))


def unpack_head(data: bytes | memoryview) -> Head:
    """Reads header and table, whether or not the payloads are there.

    Args:
        data: a file or its beginning.

    Raises:
        BadMagic, UnsupportedVersion, Truncated, Corrupt: as for :func:`unpack`.
    """
    fields = FieldReader(memoryview(data).cast("B"), "header")
    start = unpack_header(fields)
    header = start.header
    before = zlib.crc32(memoryview(data)[: fields.position])
    fields.section = "chunk table"
    found = [_unpack_entry(start.image_type, b"", fields, before) for _ in range(tile_count(header))]
    if start.has_others:
        found += _unpack_others(fields, before)
    wrong = wrong_counts(header.layout, [entry.type for entry in found], tile_count(header))
    if wrong:
        raise Corrupt(wrong)
    ends = list(itertools.accumulate((entry.length for entry in found), initial=fields.position))
    entries = tuple(entry._replace(offset=offset) for entry, offset in zip(found, ends[:-1], strict=True))
    return Head(header, entries, ends[-1])


def _pack_entry(kind: bytes, payload: bytes, before: int) -> bytes:
    entry = kind + pack_number(len(payload))
    check = zlib.crc32(payload, zlib.crc32(entry, before))
    return entry + check.to_bytes(CHECK_BYTES, "little")


def _unpack_others(fields: FieldReader, before: int) -> list[Entry]:
    count = fields.number()
    if not 1 <= count <= MAX_OTHER_CHUNKS:
        raise Corrupt(f"number of other chunks is {count}, expected 1..{MAX_OTHER_CHUNKS}")
    entries = []
    for _ in range(count):
        kind = fields.take(1)
        newer = unknown_type(kind)
        if newer:
            raise UnsupportedVersion(f"{newer}; a newer cnncompress may know it")
        entries.append(_unpack_entry(kind[0], kind, fields, before))
    return entries


def _unpack_entry(chunk_type: int, kind: bytes, fields: FieldReader, before: int) -> Entry:
    """Reads what follows the type; the offset is not known yet."""
    length = fields.number()
    before = zlib.crc32(kind + pack_number(length), before)
    return Entry(chunk_type, 0, length, fields.unsigned(CHECK_BYTES), before)
