"""Damage to .cnc files with the checksums repaired, so that it gets behind them."""

from __future__ import annotations

import random

from fuzz_anatomy import (
    ALPHA,
    AVIF,
    EXIF,
    HEADER,
    ICC,
    LATENTS,
    LOSSLESS,
    ORIGINAL,
    SOURCE,
    XMP,
    Parts,
    number,
    resealed,
    table_of,
    take_apart,
)
from fuzz_bytes import EDGES, damaged
from fuzz_payloads import damaged_payload

_TYPES = (AVIF, LATENTS, LOSSLESS, ORIGINAL, ALPHA, 5, 127, ICC, EXIF, XMP, SOURCE, 132, 255)
_SIDES = (0, 1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 300, 16383, 16384, 32768, 65535)
_MAX_TILES = 50
_QUALITIES = (0, 1, 50, 1428, 1429, 4999, 5000, 9999, 10000, 10001, 16383)


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
    entries, _ = table_of(data)
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
