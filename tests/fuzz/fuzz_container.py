"""Damage to .cnc files with the checksums repaired, so that it gets behind them.

Knows the format from docs/FORMAT.md and takes no code from the package, which would refuse to write what is wrong.
"""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import dataclass
from functools import cache

from fuzz_bytes import EDGES, damaged

HEADER = struct.Struct("<3sBBHHH")
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

AVIF, LATENTS, LOSSLESS, ORIGINAL, ALPHA, ICC, EXIF, XMP, SOURCE = 0, 1, 2, 3, 4, 128, 129, 130, 131
_TYPES = (AVIF, LATENTS, LOSSLESS, ORIGINAL, ALPHA, 5, 127, ICC, EXIF, XMP, SOURCE, 132, 255)
_DEFLATED = (ICC, EXIF, XMP)
_SIDES = (0, 1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 300, 16383, 16384, 32768, 65535)
_MAX_TILES = 50
_QUALITIES = (0, 1, 50, 1428, 1429, 4999, 5000, 9999, 10000, 10001, 16383)


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
class _Entry:
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
    entries, position = _table(data)
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
    entries, position = _table(data)
    for entry in entries:
        covered = data[: _header_bytes(data)] + data[entry.begin : entry.check]
        covered += data[position : position + entry.length]
        changed[entry.check : entry.check + 4] = zlib.crc32(covered).to_bytes(4, "little")
        position += entry.length
    return bytes(changed)


def _header_bytes(data: bytes) -> int:
    return HEADER.size + 4 * (data[HEADER.size - 1] >> 6 == LATENTS)


def _table(data: bytes) -> tuple[list[_Entry], int]:
    """The entries of a file's table, as far as it goes, and where the payloads begin."""
    _, _, kind, width, height, coded = HEADER.unpack_from(data)
    side = 32 << (kind >> 3 & 15)
    columns, rows = (max(1, (length + side // 2) // side) if side > 32 else 1 for length in (width, height))
    position = _header_bytes(data)
    entries: list[_Entry] = []
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


def _entry(data: bytes, begin: int, kind: int, position: int) -> _Entry:
    length, check = _number(data, position)
    return _Entry(begin, check, kind, length)


def _number(data: bytes, position: int) -> tuple[int, int]:
    value = length = 0
    for byte in data[position : position + 5]:
        value |= (byte & 0x7F) << 7 * length
        length += 1
        if byte < 0x80:
            break
    return value, position + length


def damaged_file(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Returns a damaged .cnc file: as it comes, or with checksums that hide it.

    Args:
        data: a .cnc file, good or bad.
        others: files whose chunks may be taken over.
        rng: decides.
    """
    for _ in range(rng.choice((1, 1, 2, 4))):
        way = rng.random()
        if way < 0.2:
            data = damaged(data, rng)
        elif way < 0.4:
            data = resealed(damaged(data, rng))
        elif way < 0.5:
            data = _with_a_lie(data, rng)
        else:
            data = _rearranged(data, others, rng)
    return data


def damaged_payload(kind: int, payload: bytes, rng: random.Random) -> bytes:
    """Returns a chunk's payload with damage behind its own checksum or compression, if it has one."""
    if kind in _DEFLATED and rng.random() < 0.6:
        if rng.random() < 0.01:
            return rng.choice(bombs())
        return _deflated(damaged(_inflated(payload), rng))
    if payload.startswith(PNG_MAGIC) and rng.random() < 0.7:
        return _damaged_png(payload, rng)
    if kind == LATENTS and rng.random() < 0.5:
        words = [payload[start : start + 4] for start in range(0, len(payload), 4)] or [b"\1\0\0\0"]
        index = rng.randrange(len(words))
        words[index : index + 1] = rng.choice(
            (
                [],
                [words[index], rng.randbytes(4)],
                [damaged(words[index], rng)[:4].ljust(4, b"\1")],
                words[index:][::-1],
            )
        )
        return b"".join(words)
    return damaged(payload, rng)


@cache
def bombs() -> tuple[bytes, ...]:
    """Deflate streams that are just within, just beyond and far beyond the limit of 16 MiB, and one without an end."""
    far = zlib.compressobj(9, zlib.DEFLATED, -15)
    endless = b"".join(far.compress(bytes(1 << 20)) for _ in range(64))
    return (_deflated(bytes(1 << 24)), _deflated(bytes((1 << 24) + 1)), endless + far.flush(), endless)


def _rearranged(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    parts = take_apart(data) or take_apart(rng.choice(others))
    if parts is None:
        return data
    what = rng.random()
    if what < 0.3:
        _change_header(parts, rng)
    elif what < 0.7 and parts.chunks:
        index = rng.randrange(len(parts.chunks))
        kind, payload = parts.chunks[index]
        parts.chunks[index] = (kind, damaged_payload(kind, payload, rng))
    else:
        _change_chunks(parts, others, rng)
    return parts.to_bytes()


def _change_header(parts: Parts, rng: random.Random) -> None:
    field = rng.choice(("version", "layout", "tiles", "width", "height", "coding", "quality", "fingerprint"))
    if field == "version":
        parts.version = rng.choice((0, 1, 2, 255))
    elif field == "layout":
        parts.layout = rng.choice((0, 1, 2, 3, 4, 5, 7))
    elif field == "tiles":
        _change_tiles(parts, rng)
    elif field == "coding":
        _change_coding(parts, rng)
    elif field == "quality":
        parts.quality = rng.choice(_QUALITIES)
    elif field == "fingerprint":
        parts.fingerprint = rng.choice((bytes(4), damaged(parts.fingerprint, rng)[:4].ljust(4, b"\0")))
    else:
        near = getattr(parts, field) + rng.randint(-2, 2)
        setattr(parts, field, rng.choice((*_SIDES, near)) % 0x10000)


def _change_coding(parts: Parts, rng: random.Random) -> None:
    """Another coding, in most cases of the image's chunks as well."""
    before, parts.coding = parts.coding, rng.randrange(4)
    if rng.random() < 0.8:
        parts.chunks = [(parts.coding if kind == before else kind, payload) for kind, payload in parts.chunks]
        if parts.coding != LATENTS and rng.random() < 0.8:
            parts.quality, parts.tiles = 0, 0


def _change_tiles(parts: Parts, rng: random.Random) -> None:
    """Another side of the tiles, in most cases with as many latents as that takes."""
    parts.tiles = rng.choice((0, 1, 1, 1, 2, 3, 9, 10, 15))
    side = 32 << parts.tiles
    count = max(1, (parts.width + side // 2) // side) * max(1, (parts.height + side // 2) // side) if parts.tiles else 1
    latents = [chunk for chunk in parts.chunks if chunk[0] == LATENTS]
    if latents and count <= _MAX_TILES and rng.random() < 0.8:
        others = [chunk for chunk in parts.chunks if chunk[0] != LATENTS]
        parts.chunks = [*(latents * count)[:count], *others]


def _change_chunks(parts: Parts, others: list[bytes], rng: random.Random) -> None:
    chunks = parts.chunks
    index = rng.randrange(len(chunks)) if chunks else 0
    what = rng.choice(("take", "take", "drop", "repeat", "many", "shuffle", "retype", "payload"))
    donor = take_apart(rng.choice(others))
    foreign = rng.choice(donor.chunks) if donor is not None and donor.chunks else (rng.choice(_TYPES), b"")
    if what == "take":
        chunks.insert(rng.randrange(len(chunks) + 1), foreign)
    elif what == "drop":
        del chunks[index : index + 1]
    elif what == "repeat":
        chunks.extend(chunks[index : index + 1])
    elif what == "many":
        chunks.extend([(rng.choice((LATENTS, XMP, 200)), b"")] * rng.choice((2, 100, 3000)))
    elif what == "shuffle":
        rng.shuffle(chunks)
    elif chunks and what == "retype":
        chunks[index] = (rng.choice(_TYPES), chunks[index][1])
    elif chunks:
        chunks[index] = (chunks[index][0], foreign[1])


def _with_a_lie(data: bytes, rng: random.Random) -> bytes:
    """A length or the number of other chunks that is wrong, under checksums that are right."""
    if len(data) < HEADER.size:
        return data
    entries, _ = _table(data)
    others = [entry for entry in entries if entry.kind > ORIGINAL]
    if others and rng.random() < 0.3:
        end = others[0].begin
        begin = end - len(number(len(others)))
        lie = rng.choice((0, 1, 2, 3, len(others) + 1, 0x7FFF, 0xFFFF, 0x10000))
    elif entries:
        entry = rng.choice(entries)
        begin, end = entry.begin + (entry.kind > ORIGINAL), entry.check
        lie = rng.choice((*EDGES, entry.length + 1, entry.length - 1, entry.length + rng.randint(-20, 20)))
    else:
        return data
    packed = (
        number(lie % (1 << 32)) if rng.random() < 0.9 else rng.choice((b"\x80\0", b"\xff" * 5, b"\xff" * 4 + b"\x10"))
    )
    return resealed(data[:begin] + packed + data[end:])


def _inflated(payload: bytes) -> bytes:
    decompressor = zlib.decompressobj(-15)
    try:
        return decompressor.decompress(payload, 1 << 16)
    except zlib.error:
        return payload


def _deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def _damaged_png(payload: bytes, rng: random.Random) -> bytes:
    chunks = []
    position = len(PNG_MAGIC)
    while position + 12 <= len(payload):
        (length,) = struct.unpack_from(">I", payload, position)
        chunks.append((payload[position + 4 : position + 8], payload[position + 8 : position + 8 + length]))
        position += 12 + length
    if not chunks:
        return damaged(payload, rng)
    index = rng.randrange(len(chunks))
    kind, body = chunks[index]
    if kind == b"IDAT" and rng.random() < 0.5:
        body = zlib.compress(damaged(zlib.decompressobj().decompress(body, 1 << 16) if _is_zlib(body) else body, rng))
        chunks[index] = (kind, body)
    elif rng.random() < 0.2:
        names = (b"tRNS", b"PLTE", b"acTL", b"fcTL", b"fdAT", b"iCCP", b"zTXt", b"gAMA", b"eXIf")
        chunks.insert(index, (rng.choice(names), rng.choice((body, rng.randbytes(rng.choice((0, 1, 26)))))))
    elif rng.random() < 0.2:
        del chunks[index]
    else:
        chunks[index] = (kind, damaged(body, rng))
    made = PNG_MAGIC
    for kind, body in chunks:
        made += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return made


def _is_zlib(data: bytes) -> bool:
    try:
        zlib.decompressobj().decompress(data, 1 << 16)
    except zlib.error:
        return False
    return True
