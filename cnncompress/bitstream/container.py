"""The .cnc container: a header, a table of chunks, and their payloads.

* Integers are unsigned and little-endian; a *number* is an integer of variable length (`cnncompress.bitstream.fields`).
  There are no bytes before the header, between the parts or after the last payload: the parts cover the file exactly.
* Header: magic ``89 43 4E`` (``\\x89CN``), version u8 = 1, kind u8, width u16, height u16, quality and coding u16, and
  the model fingerprint, 4 bytes, if the coding is learned.
* Kind: bits ``0 .. 2`` are the layout, bits ``3 .. 6`` the side of the tiles, and bit 7 is set if there are chunks
  other than those of the image. Side of the tiles: 0 if the image is one tile, k for tiles of 64 * 2^(k - 1) pixels
  (`cnncompress.codec.tiles`).
* Width and height: ``1 .. 65535`` pixels. Quality: the lower 14 bits, in hundredths, ``0 .. 10000``; 0 if the coding is
  without loss. Coding: the upper two bits, the type of the chunks that contain the image. Fingerprint: the first 4
  bytes of the SHA-256 of the weights file.
* Table: for each chunk of the image its length, a number, and its check, u32. Then, if there are other chunks, their
  count, a number, and for each its type u8, length and check. Then the payloads, in the order of the table.
* The check is the CRC-32 of zlib, PNG and gzip (polynomial 0xEDB88320) of the header, the entry in the table without
  the check, and the payload.
* A reader reads the fields in order and checks each before the next. Then it checks the number of chunks of each type,
  their lengths against the length of the file, and the CRCs.

Layouts and chunk types are in `cnncompress.bitstream.chunks`. A photograph without metadata has 21 or 22 bytes of
overhead. The full specification is docs/FORMAT.md.
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
    """An entry of the chunk table, and the position of its payload.

    Attributes:
        type: Type of the chunk.
        offset: Offset of the payload in the file, in bytes.
        length: Length of the payload in bytes.
        check: CRC-32 of header, entry and payload, as stored in the table.
        before: CRC-32 of header and entry alone, computed.
    """

    type: int
    offset: int
    length: int
    check: int
    before: int

    def matches(self, payload: bytes) -> bool:
        """Checks whether the checksum of a payload matches."""
        return zlib.crc32(payload, self.before) == self.check

    def verified(self, payload: bytes) -> bytes:
        """Returns the payload after checking its checksum.

        Raises:
            Corrupt: The checksum does not match.
        """
        if not self.matches(payload):
            raise Corrupt(f"the checksum of the {chunk_name(self.type)} chunk does not match")
        return payload


@dataclass(frozen=True)
class Head:
    """Header and chunk table: everything before the payloads.

    They have no checksum of their own: the checksum of each payload covers them.

    Attributes:
        header: The header.
        entries: Entries of the chunks, in file order; at least one.
        file_bytes: Length of the whole file in bytes, according to the table.
    """

    header: Header
    entries: tuple[Entry, ...]
    file_bytes: int


@dataclass(frozen=True)
class Container:
    """A parsed file.

    Attributes:
        header: The header.
        chunks: All chunks; those of the image come first.
    """

    header: Header
    chunks: tuple[Chunk, ...]

    @property
    def coding(self) -> Coding:
        """How the image is coded."""
        return coding_of(chunk.type for chunk in self.chunks)

    def payload(self, chunk_type: ChunkType) -> bytes:
        """Returns the payload of the first chunk of a type.

        A container from `unpack` always has a chunk with AVIF, latents, lossless planes or the original file. With AVIF
        or latents it has an alpha chunk if ``header.layout.has_alpha``.

        Raises:
            KeyError: There is no chunk of this type.
        """
        found = self.payloads(chunk_type)
        if not found:
            raise KeyError(chunk_type)
        return found[0]

    def payloads(self, chunk_type: ChunkType) -> tuple[bytes, ...]:
        """Returns the payloads of all chunks of a type, in file order; each latent chunk is one tile."""
        return tuple(chunk.payload for chunk in self.chunks if chunk.type == chunk_type)


def pack(container: Container) -> bytes:
    """Returns the bytes of a .cnc file.

    Raises:
        ValueError: A value does not fit in its field, the chunks do not match the header, or those of the image are not
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
    """Parses a file and checks everything except the contents of the payloads.

    Ancillary chunks are kept in file order, also unknown ones.

    Args:
        data: The whole file.

    Raises:
        BadMagic: The data is not a .cnc file.
        UnsupportedVersion: The file has a newer format version, or a chunk type of a newer version.
        Truncated: The file ends too early.
        Corrupt: A checksum does not match, a value is out of its range, or the file has extra bytes at its end.
    """
    view = memoryview(data).cast("B")
    head = unpack_head(view)
    payloads = sum(entry.length for entry in head.entries)
    if len(view) < head.file_bytes:
        raise Truncated(f"{head.file_bytes - len(view)} of {payloads} payload bytes are missing")
    if len(view) > head.file_bytes:
        # Their number is unknown: the caller may not have read all of them.
        raise Corrupt("there are extra bytes at the end of the file")
    chunks = (
        Chunk(entry.type, entry.verified(bytes(view[entry.offset : entry.offset + entry.length])))
        for entry in head.entries
    )
    return Container(head.header, tuple(chunks))


def unpack_head(data: bytes | memoryview) -> Head:
    """Parses header and chunk table; the payloads may be missing.

    Args:
        data: A file or its beginning.

    Raises:
        BadMagic, UnsupportedVersion, Truncated, Corrupt: As for `unpack`.
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
    """Reads the rest of an entry after its type; the offset is filled in later."""
    length = fields.number()
    before = zlib.crc32(kind + pack_number(length), before)
    return Entry(chunk_type, 0, length, fields.unsigned(CHECK_BYTES), before)
