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

HEADER = struct.Struct("<4sBBHHH4sH")
ENTRY = struct.Struct("<BII")
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

LATENTS, ALPHA, LOSSLESS, ORIGINAL, ICC, EXIF, XMP, SOURCE = 1, 2, 3, 4, 128, 129, 130, 131
_TYPES = (0, LATENTS, ALPHA, LOSSLESS, ORIGINAL, 5, 127, ICC, EXIF, XMP, SOURCE, 132, 255)
_DEFLATED = (ICC, EXIF, XMP)
_SIDES = (0, 1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 300, 16383, 16384, 32768, 65535)
_MAX_TILES = 50
_QUALITIES = (0, 1, 50, 1428, 1429, 4999, 5000, 9999, 10000, 10001, 65535)


@dataclass
class Parts:
    """A file taken apart, whatever is wrong with it; layout and tiles share a byte of the header."""

    version: int
    layout: int
    tiles: int
    width: int
    height: int
    quality: int
    fingerprint: bytes
    chunks: list[tuple[int, bytes]]

    def to_bytes(self) -> bytes:
        """Puts it together again, with all lengths and checksums right."""
        chunks = self.chunks[:0xFFFF]
        layout_and_tiles = self.layout | self.tiles << 4
        values = (layout_and_tiles, self.width, self.height, self.quality, self.fingerprint, len(chunks))
        head = HEADER.pack(b"\x89CNC", self.version, *values)
        head += b"".join(ENTRY.pack(kind, len(payload), zlib.crc32(payload)) for kind, payload in chunks)
        return head + struct.pack("<I", zlib.crc32(head)) + b"".join(payload for _, payload in chunks)


def take_apart(data: bytes) -> Parts | None:
    """Reads a file as far as it goes; None if that is not even a header."""
    if len(data) < HEADER.size:
        return None
    _, version, layout_and_tiles, width, height, quality, fingerprint, count = HEADER.unpack_from(data)
    count = min(count, (len(data) - HEADER.size) // ENTRY.size)
    position = HEADER.size + count * ENTRY.size + 4
    chunks = []
    for index in range(count):
        kind, length, _ = ENTRY.unpack_from(data, HEADER.size + index * ENTRY.size)
        chunks.append((kind, data[position : position + length]))
        position += length
    return Parts(version, layout_and_tiles & 15, layout_and_tiles >> 4, width, height, quality, fingerprint, chunks)


def resealed(data: bytes) -> bytes:
    """Returns the file with its checksums made right where there is room for them; lengths stay as they are."""
    if len(data) < HEADER.size:
        return data
    count = min(HEADER.unpack_from(data)[-1], (len(data) - HEADER.size) // ENTRY.size)
    table_end = HEADER.size + count * ENTRY.size
    changed = bytearray(data)
    position = table_end + 4
    for index in range(count):
        kind, length, _ = ENTRY.unpack_from(data, HEADER.size + index * ENTRY.size)
        payload = data[position : position + length]
        ENTRY.pack_into(changed, HEADER.size + index * ENTRY.size, kind, length, zlib.crc32(payload))
        position += length
    if len(changed) >= table_end + 4:
        struct.pack_into("<I", changed, table_end, zlib.crc32(changed[:table_end]))
    return bytes(changed)


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
    if kind == LATENTS and rng.random() < 0.5:  # whole words, or the first look at it refuses them
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
    field = rng.choice(("version", "layout", "tiles", "width", "height", "quality", "fingerprint"))
    if field == "version":
        parts.version = rng.choice((0, 1, 2, 255))
    elif field == "layout":
        parts.layout = rng.choice((0, 1, 2, 3, 4, 5, 15))
    elif field == "tiles":
        _change_tiles(parts, rng)
    elif field == "quality":
        parts.quality = rng.choice(_QUALITIES)
    elif field == "fingerprint":
        parts.fingerprint = rng.choice((bytes(4), damaged(parts.fingerprint, rng)[:4].ljust(4, b"\0")))
    else:
        near = getattr(parts, field) + rng.randint(-2, 2)
        setattr(parts, field, rng.choice((*_SIDES, near)) % 0x10000)


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
    """A length or the number of chunks that is wrong, under checksums that are right."""
    if len(data) < HEADER.size + ENTRY.size:
        return data
    changed = bytearray(data)
    count = min(HEADER.unpack_from(data)[-1], (len(data) - HEADER.size) // ENTRY.size)
    if count == 0 or rng.random() < 0.3:
        struct.pack_into("<H", changed, 16, rng.choice((0, 1, 2, 3, count + 1, 0x7FFF, 0xFFFF)))
    else:
        position = HEADER.size + ENTRY.size * rng.randrange(count) + 1
        (length,) = struct.unpack_from("<I", changed, position)
        lie = rng.choice((*EDGES, length + 1, length - 1, length + rng.randint(-20, 20)))
        struct.pack_into("<I", changed, position, lie % (1 << 32))
    return resealed(bytes(changed))


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
