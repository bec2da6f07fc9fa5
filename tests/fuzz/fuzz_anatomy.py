"""Takes .cnc files apart and puts them together, whatever is wrong with them.

Knows the format from docs/FORMAT.md and takes no code from the package, which would refuse to write what is wrong.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

HEADER = struct.Struct("<3sBBHHH")

AVIF, LATENTS, LOSSLESS, ORIGINAL, ALPHA, ICC, EXIF, XMP, SOURCE = 0, 1, 2, 3, 4, 128, 129, 130, 131


@dataclass
class Parts:
    """A file taken apart, whatever is wrong with it; chunks whose type is the coding are those of the image."""

    version: int
    layout: int
    tiles: int
    width: int
    height: int
    coding: int
    quality: int
    fingerprint: bytes
    chunks: list[tuple[int, bytes]]

    def to_bytes(self) -> bytes:
        """Puts it together again, with all lengths and checksums right."""
        images = [payload for kind, payload in self.chunks if kind == self.coding]
        others = [(kind, payload) for kind, payload in self.chunks if kind != self.coding]
        kind = self.layout & 7 | (self.tiles & 15) << 3 | bool(others) << 7
        coded = self.quality | self.coding << 14
        head = HEADER.pack(b"\x89CN", self.version, kind, self.width, self.height, coded)
        head += self.fingerprint if self.coding == LATENTS else b""
        table = b"".join(number(len(payload)) + bytes(4) for payload in images)
        if others:
            table += number(len(others))
            table += b"".join(bytes([kind]) + number(len(payload)) + bytes(4) for kind, payload in others)
        payloads = [*images, *(payload for _, payload in others)]
        return resealed(b"".join([head, table, *payloads]))


@dataclass
class Entry:
    """Where a chunk's entry in the table begins, its checksum and its payload, and the chunk's type."""

    begin: int
    check: int
    kind: int
    length: int


def number(value: int) -> bytes:
    """A number of variable length."""
    packed = bytearray()
    while value > 0x7F:
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*packed, value])


def take_apart(data: bytes) -> Parts | None:
    """Reads a file as far as it goes; None if that is not even a header."""
    if len(data) < HEADER.size:
        return None
    _, version, kind, width, height, coded = HEADER.unpack_from(data)
    coding = coded >> 14
    entries, position = table_of(data)
    chunks = []
    for entry in entries:
        chunks.append((entry.kind, data[position : position + entry.length]))
        position += entry.length
    fingerprint = data[HEADER.size : HEADER.size + 4].ljust(4, b"\0") if coding == LATENTS else bytes(4)
    return Parts(version, kind & 7, kind >> 3 & 15, width, height, coding, coded & 0x3FFF, fingerprint, chunks)


def resealed(data: bytes) -> bytes:
    """Returns the file with its checksums made right where there is room for them; lengths stay as they are."""
    if len(data) < HEADER.size:
        return data
    changed = bytearray(data)
    entries, position = table_of(data)
    for entry in entries:
        covered = data[: _header_bytes(data)] + data[entry.begin : entry.check]
        covered += data[position : position + entry.length]
        changed[entry.check : entry.check + 4] = zlib.crc32(covered).to_bytes(4, "little")
        position += entry.length
    return bytes(changed)


def _header_bytes(data: bytes) -> int:
    return HEADER.size + 4 * (data[HEADER.size - 1] >> 6 == LATENTS)


def table_of(data: bytes) -> tuple[list[Entry], int]:
    """The entries of a file's table, as far as it goes, and where the payloads begin."""
    _, _, kind, width, height, coded = HEADER.unpack_from(data)
    side = 32 << (kind >> 3 & 15)
    columns, rows = (max(1, (length + side // 2) // side) if side > 32 else 1 for length in (width, height))
    position = _header_bytes(data)
    entries: list[Entry] = []
    for _ in range(columns * rows):
        if position + 5 > len(data):
            return entries, position
        entries.append(_entry(data, position, coded >> 14, position))
        position = entries[-1].check + 4
    if kind >> 7:
        count, position = _number(data, position)
        for _ in range(count):
            if position + 6 > len(data):
                break
            entries.append(_entry(data, position, data[position], position + 1))
            position = entries[-1].check + 4
    return entries, position


def _entry(data: bytes, begin: int, kind: int, position: int) -> Entry:
    length, check = _number(data, position)
    return Entry(begin, check, kind, length)


def _number(data: bytes, position: int) -> tuple[int, int]:
    value = length = 0
    for byte in data[position : position + 5]:
        value |= (byte & 0x7F) << 7 * length
        length += 1
        if byte < 0x80:
            break
    return value, position + length
