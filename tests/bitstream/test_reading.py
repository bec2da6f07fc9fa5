"""Files from streams: no more is asked for than there can be, wherever the parts stand; and what damage leaves."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from cnncompress.bitstream.container import Chunk, ChunkType, Container, Header, Layout, pack, unpack, unpack_head
from cnncompress.bitstream.reading import ParsedFile, read_head, read_payload, read_start, read_up_to, salvage
from cnncompress.errors import BadMagic, Corrupt, Truncated, UnsupportedVersion
from cnncompress.units import Hundredths

HEADER = Header(Layout.GRAY, 5, 4, Hundredths(0), bytes(4))
FILE = pack(Container(HEADER, (Chunk(ChunkType.LOSSLESS, b"planes"), Chunk(ChunkType.XMP, b"\x03\0"))))

TILES = tuple(Chunk(ChunkType.LATENTS, bytes([48 + number]) * 10) for number in range(6))
TILED = Container(
    Header(Layout.RGBA, 200, 100, Hundredths(50_00), b"abcd", 64),
    (*TILES, Chunk(ChunkType.ALPHA, b"alpha"), Chunk(128, b"icc")),
)
DATA = pack(TILED)
BODY = len(DATA) - 60 - 8


class CountingStream(io.BytesIO):
    """Remembers the largest read, as a file allocates what it is asked for before it reads."""

    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.largest = max(self.largest, size if size is not None and size >= 0 else 1 << 62)
        return super().read(size)


@pytest.mark.parametrize("length", [0, 1, 5, 1 << 20, (1 << 20) + 1, 3 << 20, 1 << 62])
def test_read_up_to(length: int) -> None:
    data = bytes(range(256)) * 9000
    stream = CountingStream(data)
    stream.seek(3)
    assert read_up_to(stream, length) == data[3 : 3 + length]
    assert stream.largest <= 1 << 20


def test_parts_of_a_file() -> None:
    stream = io.BytesIO(FILE)
    assert read_start(stream) == (unpack_head(FILE), FILE)
    stream.seek(0)
    head = read_head(stream)
    assert head == unpack_head(FILE) and head.header == HEADER
    assert [read_payload(stream, entry) for entry in reversed(head.entries)] == [b"\x03\0", b"planes"]


def test_damaged_parts() -> None:
    last = read_head(io.BytesIO(FILE)).entries[-1]
    with pytest.raises(Truncated, match="1 of 2 bytes of the xmp chunk are missing"):
        read_payload(io.BytesIO(FILE[:-1]), last)
    with pytest.raises(Corrupt, match="checksum of the xmp chunk"):
        read_payload(io.BytesIO(FILE[:-1] + b"\1"), last)
    for length in (0, 3, 10, 22):
        with pytest.raises(Truncated):
            read_head(io.BytesIO(FILE[:length]))
    with pytest.raises(BadMagic):
        read_start(io.BytesIO(b"GIF89a"))


def with_bits_flipped(*positions: int) -> bytes:
    data = bytearray(DATA)
    for position in positions:
        data[position] ^= 1
    return bytes(data)


def test_sound_file() -> None:
    for parsed in (salvage(DATA), ParsedFile.whole(DATA), salvage(memoryview(DATA))):
        assert parsed == ParsedFile(TILED, tuple(chunk.payload for chunk in TILES), parsed.salvaged)
    assert salvage(DATA).salvaged and not ParsedFile.whole(DATA).salvaged


def test_bytes_behind_the_end() -> None:
    parsed = salvage(DATA + b"more")
    assert parsed.overlong and replace(parsed, overlong=False) == salvage(DATA)
    assert parsed.parts_lost == ("there are extra bytes at the end of the file, which are ignored",)


def test_damaged_chunks_are_left_out() -> None:
    parsed = salvage(with_bits_flipped(BODY + 10, BODY + 59, len(DATA) - 1))
    assert parsed.tiles == tuple(None if number in (1, 5) else TILES[number].payload for number in range(6))
    assert parsed.lost == ("icc",)
    assert parsed.container == Container(TILED.header, (TILES[0], *TILES[2:5], TILED.chunks[6]))


def test_damage_in_the_table() -> None:
    """A wrong checksum loses its chunk, a wrong length those behind it as well."""
    remains = salvage(with_bits_flipped(15 + 3 * 5 + 1))
    assert remains.tiles == tuple(None if number == 3 else TILES[number].payload for number in range(6))
    assert not remains.lost
    remains = salvage(with_bits_flipped(15 + 3 * 5))
    assert remains.tiles == (*(tile.payload for tile in TILES[:3]), None, None, None)
    assert remains.lost == ("alpha", "icc")


def test_head_of_any_length_from_a_stream() -> None:
    """No more is read than twice the head; the streams are such as do not seek."""
    wide = replace(TILED.header, width=64 * 300, height=64, layout=Layout.RGB)
    data = pack(Container(wide, tuple(Chunk(ChunkType.LATENTS, bytes(200)) for _ in range(300))))
    head, start = read_start(io.BytesIO(data))
    assert head == unpack_head(data) and data.startswith(start)
    assert head.entries[0].offset <= len(start) < 2 * head.entries[0].offset


def test_cut_off_file() -> None:
    parsed = salvage(DATA[: BODY + 25])
    assert parsed.tiles == (TILES[0].payload, TILES[1].payload, None, None, None, None)
    assert parsed.lost == ("alpha", "icc")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (DATA[: BODY - 1], Truncated),
        (DATA[: BODY + 9], Truncated),
        (with_bits_flipped(9), Corrupt),
        (with_bits_flipped(*range(BODY, BODY + 60, 10)), Corrupt),
        (b"GIF89a", BadMagic),
        (DATA[:3] + b"\x02" + DATA[4:], UnsupportedVersion),
    ],
)
def test_what_nothing_is_left_of(data: bytes, error: type[Exception]) -> None:
    for read in (salvage, unpack):
        with pytest.raises(error):
            read(data)


def test_other_codings_are_all_or_nothing() -> None:
    lossless = pack(
        Container(
            Header(Layout.RGB, 4, 5, Hundredths(0), bytes(4)),
            (Chunk(ChunkType.LOSSLESS, b"planes"), Chunk(130, b"xmp")),
        )
    )
    assert salvage(lossless[:-1]).lost == ("xmp",)
    with pytest.raises(Truncated):
        salvage(lossless[:-4])
