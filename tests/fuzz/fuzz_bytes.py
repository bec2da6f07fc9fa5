"""Random damage to bytes of any kind, each from a generator of random numbers, so that it can be repeated."""

from __future__ import annotations

import random
from collections.abc import Callable

EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF)
"""Numbers at which fields of 1, 2 and 4 bytes overflow."""

MAX_BYTES = 1 << 16
"""Damaged data grows no further than this, unless it was longer before."""


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Returns the data with one kind of damage."""
    return rng.choice(_KINDS)(data, rng)


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8)) if data else 0):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _set_byte(data: bytes, rng: random.Random) -> bytes:
    return _overwritten(data, rng, bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))]))


def _set_number(data: bytes, rng: random.Random) -> bytes:
    length = rng.choice((2, 4))
    number = rng.choice(EDGES) if rng.random() < 0.7 else rng.getrandbits(32)
    return _overwritten(data, rng, (number % (1 << 8 * length)).to_bytes(length, rng.choice(("little", "big"))))


def _add(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    if data:
        position = rng.randrange(len(data))
        changed[position] = (changed[position] + rng.randint(-3, 3)) % 256
    return bytes(changed)


def _blank(data: bytes, rng: random.Random) -> bytes:
    begin, end = _range(data, rng)
    return data[:begin] + rng.choice((b"\0", b"\xff", b" ")) * (end - begin) + data[end:]


def _cut(data: bytes, rng: random.Random) -> bytes:
    begin, end = _range(data, rng)
    return data[:begin] + data[end:]


def _end_early(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _insert(data: bytes, rng: random.Random) -> bytes:
    position = rng.randrange(len(data) + 1)
    return _bounded(data, data[:position] + rng.randbytes(rng.choice((1, 2, 4, 16, 100))) + data[position:])


def _repeat(data: bytes, rng: random.Random) -> bytes:
    begin, end = _range(data, rng)
    return _bounded(data, data[:end] + data[begin:end] * rng.choice((1, 1, 2, 20)) + data[end:])


def _move(data: bytes, rng: random.Random) -> bytes:
    begin, end = _range(data, rng)
    rest = data[:begin] + data[end:]
    position = rng.randrange(len(rest) + 1)
    return rest[:position] + data[begin:end] + rest[position:]


_KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip, _flip, _set_byte, _set_number, _set_number, _add, _blank, _cut, _end_early, _insert, _repeat, _move,
)  # fmt: skip


def _overwritten(data: bytes, rng: random.Random, part: bytes) -> bytes:
    position = rng.randrange(max(1, len(data) - len(part) + 1))
    return data[:position] + part + data[position + len(part) :]


def _range(data: bytes, rng: random.Random) -> tuple[int, int]:
    begin = rng.randrange(len(data) + 1)
    length = rng.choice((1, 2, 4, 9, 18, 64, rng.randrange(len(data) + 1)))
    return begin, min(begin + length, len(data))


def _bounded(before: bytes, after: bytes) -> bytes:
    return after[: max(MAX_BYTES, len(before))]
