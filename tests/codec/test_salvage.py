"""What is left of damaged files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cnncompress.codec.container import Chunk, ChunkType, Container, Header, Layout, pack, unpack
from cnncompress.codec.salvage import Remains, salvage
from cnncompress.errors import BadMagic, Corrupt, Truncated, UnsupportedVersion

TILES = tuple(Chunk(ChunkType.LATENTS, bytes([48 + number]) * 10) for number in range(6))
FILE = Container(
    Header(Layout.RGBA, 200, 100, 5000, b"abcd", 64), (*TILES, Chunk(ChunkType.ALPHA, b"alpha"), Chunk(128, b"icc"))
)
DATA = pack(FILE)
BODY = len(DATA) - 60 - 8


def with_bits_flipped(*positions: int) -> bytes:
    data = bytearray(DATA)
    for position in positions:
        data[position] ^= 1
    return bytes(data)


def test_sound_file() -> None:
    for remains in (salvage(DATA), Remains.whole(DATA), salvage(memoryview(DATA))):
        assert remains == Remains(FILE, tuple(chunk.payload for chunk in TILES))


def test_bytes_behind_the_end() -> None:
    remains = salvage(DATA + b"more")
    assert remains.overlong and replace(remains, overlong=False) == Remains.whole(DATA)


def test_damaged_chunks_are_left_out() -> None:
    remains = salvage(with_bits_flipped(BODY + 10, BODY + 59, len(DATA) - 1))
    assert remains.tiles == tuple(None if number in (1, 5) else TILES[number].payload for number in range(6))
    assert remains.lost == ("icc",)
    assert remains.container == Container(FILE.header, (TILES[0], *TILES[2:5], FILE.chunks[6]))


def test_cut_off_file() -> None:
    remains = salvage(DATA[: BODY + 25])
    assert remains.tiles == (TILES[0].payload, TILES[1].payload, None, None, None, None)
    assert remains.lost == ("alpha", "icc")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (DATA[: BODY - 1], Truncated),
        (DATA[: BODY + 9], Truncated),
        (with_bits_flipped(20), Corrupt),
        (with_bits_flipped(*range(BODY, BODY + 60, 10)), Corrupt),
        (b"GIF89a", BadMagic),
        (DATA[:4] + b"\x02" + DATA[5:], UnsupportedVersion),
    ],
)
def test_what_nothing_is_left_of(data: bytes, error: type[Exception]) -> None:
    for read in (salvage, unpack):
        with pytest.raises(error):
            read(data)


def test_other_codings_are_all_or_nothing() -> None:
    lossless = pack(
        Container(Header(Layout.RGB, 4, 5, 0, bytes(4)), (Chunk(ChunkType.LOSSLESS, b"planes"), Chunk(130, b"xmp")))
    )
    assert salvage(lossless[:-1]).lost == ("xmp",)
    with pytest.raises(Truncated):
        salvage(lossless[:-4])
