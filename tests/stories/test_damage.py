"""A real file with every kind of damage: an error of ours or a picture, never anything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from own_process import in_own_process, peak_bytes

from cnncompress.api.codec import Codec
from cnncompress.bitstream.container import Chunk, ChunkType, Container, pack, unpack
from cnncompress.errors import BitstreamError, CnncompressError

MAX_GROWTH = 200 << 20
"""Bytes by which decoding damaged files of a 48x40 image may raise the process's peak."""


@pytest.fixture(scope="module")
def good(codec: Codec, astronaut: NDArray[np.uint8]) -> bytes:
    return codec.compress(astronaut[100:140, 200:248], 30)


def with_latents(data: bytes, payload: bytes) -> bytes:
    """The file with another latent payload and right checksums."""
    container = unpack(data)
    chunks = (
        Chunk(chunk.type, payload if chunk.type == ChunkType.LATENTS else chunk.payload) for chunk in container.chunks
    )
    return pack(Container(container.header, tuple(chunks)))


def flipped(data: bytes, *bits: int) -> bytes:
    damaged = bytearray(data)
    for bit in bits:
        damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def test_every_bit_flip_is_an_error(codec: Codec, good: bytes) -> None:
    """The checksums cover every bit, so not one is decoded to a wrong picture."""
    assert codec.decompress(good).size == (48, 40)
    for bit in range(8 * len(good)):
        with pytest.raises(BitstreamError) as caught:
            codec.decompress(flipped(good, bit))
        assert "\n" not in str(caught.value)


def test_every_truncation_is_an_error(codec: Codec, good: bytes) -> None:
    for length in range(len(good)):
        with pytest.raises(BitstreamError):
            codec.decompress(good[:length])


def payloads(payload: bytes) -> Iterator[bytes]:
    """Damaged, cut, lengthened, and made-up payloads, the same ones every time."""
    rng = np.random.default_rng(11)
    for _ in range(30):
        yield flipped(payload, int(rng.integers(8 * len(payload))))
    for _ in range(10):
        yield flipped(payload, *(int(bit) for bit in rng.integers(8 * len(payload), size=20)))
    for length in rng.integers(0, len(payload), 10):
        yield payload[: int(length)]
    for length in (0, 4, 40, 400, 4000):
        yield rng.bytes(length)
    yield payload + rng.bytes(4)
    yield b"\xff" * len(payload)
    yield b"\0" * len(payload)
    yield payload * 3
    yield payload[::-1]


@dataclass(frozen=True)
class Answers:
    """What came of damaged payloads.

    Attributes:
        errors: How many ended with an error.
        pictures: How many were decoded.
        growth: Bytes by which the process's peak of memory rose.
    """

    errors: int
    pictures: int
    growth: int


def decode_damaged(good: bytes, damaged: Sequence[bytes]) -> Answers:
    """Decodes a sound file, and then its damaged payloads behind right checksums."""
    codec = Codec(device="cpu")
    codec.decompress(good)
    before = peak_bytes()
    errors = 0
    for payload in damaged:
        try:
            image = codec.decompress(with_latents(good, payload))
        except CnncompressError as error:
            assert "\n" not in str(error)
            errors += 1
        else:
            assert (image.mode, image.size) == ("RGB", (48, 40))
    return Answers(errors, len(damaged) - errors, peak_bytes() - before)


def test_damage_behind_right_checksums(codec: Codec, good: bytes) -> None:
    """The entropy decoder really sees the damage; whatever it makes of it stays within bounds.

    Long random payloads, which are the last three, are full of escapes and of the longest prefixes.
    """
    payload = unpack(good).payload(ChunkType.LATENTS)
    assert codec.decompress(with_latents(good, payload)).tobytes() == codec.decompress(good).tobytes()
    damaged = list(payloads(payload))
    assert len(damaged) == 60
    rng = np.random.default_rng(12)
    long = [rng.bytes(1 << 20) for _ in range(3)]
    found = in_own_process(decode_damaged, good, [*damaged, *long])
    assert found.errors > 33, "hardly any damage is noticed"
    assert found.growth < MAX_GROWTH
    for data in long:
        with pytest.raises(BitstreamError):
            codec.decompress(with_latents(good, data))
