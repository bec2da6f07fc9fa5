"""The .cnc container: a header, a table of chunks, and their payloads.

* All integers are unsigned and little-endian. Nothing stands before the header, between the parts or after
  the last payload: the parts cover the file exactly.
* Header, 18 bytes: magic ``89 43 4E 43`` (``\\x89CNC``), version u8 = 1, layout and tiles u8, width u16, height u16,
  quality u16, model fingerprint 4 bytes, number of chunks u16.
* Of "layout and tiles" the lower four bits are the layout, the upper four the side of the tiles: 0 if the image is one
  tile, k for tiles of 64 * 2^(k - 1) pixels (`cnncompress.codec.tiles`).
* Width and height: 1..65535 pixels. Quality: hundredths, 0..10000. Fingerprint: the first 4 bytes of the SHA-256 of the
  weights file. Quality, fingerprint and tiles are 0 in files that need no weights.
* Table, 9 bytes a chunk: type u8, payload length u32 in bytes, CRC-32 of the payload u32.
* Check, 4 bytes: CRC-32 of header and table. Then the payloads, in the order of the table.
* CRC-32 is that of zlib, PNG and gzip (polynomial 0xEDB88320).
* A reader checks in this order: magic, version, header complete, table and check complete, CRC of header and
  table, value ranges, chunk types, payload lengths against the file, CRC of each payload.

Layouts and chunk types are in `cnncompress.bitstream.chunks`. A file with one chunk has 31 bytes of overhead. The same
in prose: docs/FORMAT.md.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from cnncompress.bitstream.chunks import (
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
from cnncompress.bitstream.header import (
    HEADER,
    MAGIC,
    MAX_SIDE,
    NO_FINGERPRINT,
    WHOLE,
    Header,
    bounded,
    number_of_chunks,
    pack_header,
    tile_count,
    unpack_header,
)
from cnncompress.errors import Corrupt, Truncated, UnsupportedVersion

__all__ = [
    "HEADER", "MAGIC", "MAX_SIDE", "NO_FINGERPRINT",
    "Chunk", "ChunkType", "Coding", "Container", "Entry", "Head", "Header", "Layout", "Mode",
    "chunk_name", "head_bytes", "pack", "unpack", "unpack_head",
]  # fmt: skip

TABLE_ENTRY = struct.Struct("<BII")
CHECK = struct.Struct("<I")
MAX_PAYLOAD_BYTES = 0xFFFF_FFFF


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
        ValueError: a value does not fit in its field, or the chunks do not fit the layout.
    """
    header = container.header
    head = pack_header(header, len(container.chunks))
    for chunk in container.chunks:
        bounded("chunk type", chunk.type, 1, 0xFF)
        bounded("payload length", len(chunk.payload), 0, MAX_PAYLOAD_BYTES)
    types = tuple(chunk.type for chunk in container.chunks)
    problem = unknown_types(types) or _wrong_parts(header, types)
    if problem:
        raise ValueError(problem)
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
        raise Corrupt("there are bytes too many at the end of the file")  # how many, only who reads all of it knows
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
    return HEADER.size + number_of_chunks(view) * TABLE_ENTRY.size + CHECK.size


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

    header = unpack_header(view)
    entries = []
    offset = payload_start
    for kind, length, payload_check in TABLE_ENTRY.iter_unpack(view[HEADER.size : table_end]):
        entries.append(Entry(kind, offset, length, payload_check))
        offset += length
    types = tuple(entry.type for entry in entries)
    newer = unknown_types(types)
    if newer:
        raise UnsupportedVersion(f"{newer}; a newer cnncompress may know it")
    wrong = _wrong_parts(header, types)
    if wrong:
        raise Corrupt(wrong)
    return Head(header, tuple(entries), offset)


def _wrong_parts(header: Header, types: tuple[int, ...]) -> str | None:
    """Says what is wrong with the chunks, or with a header that does not go with them, if something is."""
    tiles = tile_count(header)
    if header.tile_side != WHOLE and tiles == 1:
        return f"tiles of {header.tile_side} pixels in an image of {header.width}x{header.height}, which is one tile"
    wrong = wrong_counts(header.layout, types, tiles)
    if wrong:
        return wrong
    coding = coding_of(types)
    if coding != "learned" and header.tile_side != WHOLE:
        return f"tiles in the header of an image that is {coding}"
    if coding != "learned" and (header.quality_hundredths or header.fingerprint != NO_FINGERPRINT):
        return f"a quality or a model in the header of an image that is {coding}"
    return None
