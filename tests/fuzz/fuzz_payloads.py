"""Damage to the payloads of chunks that gets behind their own checksums and compression."""

from __future__ import annotations

import random
import struct
import zlib
from functools import cache

from fuzz_anatomy import EXIF, ICC, LATENTS, XMP
from fuzz_bytes import damaged

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

_DEFLATED = (ICC, EXIF, XMP)


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
