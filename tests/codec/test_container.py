"""The container: exact bytes, round trips, and one minimal bad input for each error."""

from __future__ import annotations

import dataclasses
import re
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.codec.container import Chunk, ChunkType, Container, Header, Layout, chunk_name, pack, unpack
from cnncompress.errors import BadMagic, BitstreamError, Corrupt, Truncated, UnsupportedVersion

HEADER = Header(Layout.GRAY, 2, 3, 50_00, bytes.fromhex("01234567"))
SMALL = Container(HEADER, (Chunk(ChunkType.LATENTS, b"abc"),))
SMALL_BYTES = bytes.fromhex(
    "89434e43 01 00 0200 0300 8813 01234567 0100"  # header
    "01 03000000 c2412435"  # table
    "ec18c975"  # check
    "616263"  # payload
)
WITH_ALPHA = Container(
    Header(Layout.RGBA, 65535, 1, 100_00, b"\xff\x00\xff\x00"),
    (Chunk(ChunkType.LATENTS, b""), Chunk(200, b"more"), Chunk(ChunkType.ALPHA, b"alpha")),
)


def small_file(
    *,
    version: int = 1,
    layout: int = 0,
    width: int = 2,
    height: int = 3,
    quality: int = 50_00,
    types: bytes = b"\x01",
) -> bytes:
    """A file with any values at all, empty payloads and correct checksums."""
    head = struct.pack("<4sBBHHH4sH", b"\x89CNC", version, layout, width, height, quality, b"wxyz", len(types))
    table = b"".join(struct.pack("<BII", kind, 0, zlib.crc32(b"")) for kind in types)
    return head + table + struct.pack("<I", zlib.crc32(head + table))


@st.composite
def containers(draw: st.DrawFn) -> Container:
    layout = draw(st.sampled_from(Layout))
    side = st.integers(1, 65535)
    header = Header(
        layout, draw(side), draw(side), draw(st.integers(0, 10000)), draw(st.binary(min_size=4, max_size=4))
    )
    kinds = [1, *([2] if layout.has_alpha else []), *draw(st.lists(st.integers(128, 255), max_size=4))]
    payloads = st.binary(max_size=64)
    return Container(header, tuple(Chunk(kind, draw(payloads)) for kind in draw(st.permutations(kinds))))


def test_golden_bytes() -> None:
    assert pack(SMALL) == SMALL_BYTES
    assert unpack(SMALL_BYTES) == SMALL


def test_format_page_shows_the_golden_bytes() -> None:
    page = (Path(__file__).parents[2] / "docs" / "FORMAT.md").read_text(encoding="utf-8")
    example = re.search(r"```\n(89 43.*?)```", page, re.DOTALL)
    assert example is not None
    lines = (re.sub(r"[a-z]+$", "", line) for line in example[1].splitlines())
    assert bytes.fromhex("".join(lines)) == SMALL_BYTES


def test_one_chunk_costs_31_bytes() -> None:
    payload = bytes(1000)
    assert len(pack(Container(HEADER, (Chunk(1, payload),)))) == len(payload) + 31


@given(containers())
def test_round_trip(container: Container) -> None:
    data = pack(container)
    assert unpack(data) == container
    assert unpack(memoryview(data)) == container
    assert pack(unpack(data)) == data


def test_values_and_names() -> None:
    container = unpack(pack(WITH_ALPHA))
    assert container.header.quality == 100.0
    assert container.payload(ChunkType.ALPHA) == b"alpha"
    assert [chunk_name(chunk.type) for chunk in container.chunks] == ["latents", "ancillary-200", "alpha"]
    with pytest.raises(KeyError):
        unpack(SMALL_BYTES).payload(ChunkType.ALPHA)
    assert [layout.mode for layout in Layout] == ["L", "LA", "RGB", "RGBA"]
    assert [layout.has_alpha for layout in Layout] == [False, True, False, True]
    assert [layout.is_gray for layout in Layout] == [True, True, False, False]


def test_helper_makes_good_files() -> None:
    assert unpack(small_file()).header.width == 2


@pytest.mark.parametrize("container", [SMALL, WITH_ALPHA], ids=["small", "alpha"])
def test_every_single_bit_flip_is_noticed(container: Container) -> None:
    data = bytearray(pack(container))
    for position in range(8 * len(data)):
        data[position // 8] ^= 1 << position % 8
        with pytest.raises(BitstreamError):
            unpack(bytes(data))
        data[position // 8] ^= 1 << position % 8
    assert unpack(bytes(data)) == container


@pytest.mark.parametrize("container", [SMALL, WITH_ALPHA], ids=["small", "alpha"])
def test_every_truncation_is_noticed(container: Container) -> None:
    data = pack(container)
    for length in range(len(data)):
        with pytest.raises(Truncated):
            unpack(data[:length])


@given(st.binary(max_size=80))
def test_foreign_bytes_raise_a_bitstream_error(data: bytes) -> None:
    for start in (b"", b"\x89CNC", b"\x89CNC\x01", SMALL_BYTES[:18]):
        with pytest.raises(BitstreamError):
            unpack(start + data)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", Truncated, "the file is empty"),
        (b"\x89CN", Truncated, "ends after 3 bytes"),
        (b"X", BadMagic, "not a .cnc file"),
        (b"\x89PNG\r\n\x1a\n", BadMagic, "not a .cnc file"),
        (b"\x89CNC", Truncated, "after 4 of 18 bytes"),
        (b"\x89CNC\x02", UnsupportedVersion, "format version 2; this one reads 1"),
        (small_file(version=2), UnsupportedVersion, "format version 2"),
        (small_file()[:17], Truncated, "after 17 of 18 bytes"),
        (small_file()[:30], Truncated, "after 30 of 31 bytes"),
        (small_file()[:-1] + b"\0", Corrupt, "checksum of the header"),
        (small_file(version=0), Corrupt, "format version is 0"),
        (small_file(layout=4), Corrupt, "layout is 4, expected 0..3"),
        (small_file(width=0), Corrupt, "0x3 pixels"),
        (small_file(height=0), Corrupt, "2x0 pixels"),
        (small_file(quality=10001), Corrupt, "quality is 10001"),
        (small_file(types=b"\x01\x03"), UnsupportedVersion, "chunk type 3"),
        (small_file(types=b"\x01\x00"), UnsupportedVersion, "chunk type 0"),
        (small_file(types=b"\x01\x7f"), UnsupportedVersion, "chunk type 127"),
        (small_file(types=b""), Corrupt, "0 latents chunks"),
        (small_file(types=b"\x01\x01"), Corrupt, "2 latents chunks"),
        (small_file(types=b"\x01\x02"), Corrupt, "1 alpha chunks in a L image"),
        (small_file(layout=3), Corrupt, "0 alpha chunks in a RGBA image"),
        (small_file(layout=1, types=b"\x01\x02\x02"), Corrupt, "2 alpha chunks"),
        (SMALL_BYTES[:-1], Truncated, "1 of 3 payload bytes"),
        (SMALL_BYTES + b"\0", Corrupt, "1 bytes too many"),
        (SMALL_BYTES[:-1] + b"x", Corrupt, "checksum of the latents chunk"),
        (pack(WITH_ALPHA)[:-9] + b"MOREalpha", Corrupt, "checksum of the ancillary-200 chunk"),
    ],
)
def test_one_minimal_bad_input_per_error(data: bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as caught:
        unpack(data)
    assert type(caught.value) is error


def test_unknown_ancillary_chunks_are_kept() -> None:
    container = unpack(small_file(types=b"\x80\x01\xff\xff"))
    assert [chunk.type for chunk in container.chunks] == [128, 1, 255, 255]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0}, "width is 0, expected 1..65535"),
        ({"width": 65536}, "width is 65536, expected 1..65535"),
        ({"height": 65536}, "height is 65536, expected 1..65535"),
        ({"quality_hundredths": -1}, "quality_hundredths is -1, expected 0..10000"),
        ({"quality_hundredths": 10001}, "quality_hundredths is 10001, expected 0..10000"),
        ({"fingerprint": b"abc"}, "fingerprint has 3 bytes, expected 4"),
        ({"version": 2}, "version is 2"),
        ({"layout": Layout.RGBA}, "0 alpha chunks in a RGBA image, expected 1"),
    ],
)
def test_pack_refuses_values_that_do_not_fit(changes: dict[str, object], message: str) -> None:
    header = dataclasses.replace(HEADER, **changes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=re.escape(message)):
        pack(Container(header, SMALL.chunks))


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ((Chunk(1, b""), Chunk(256, b"")), "chunk type is 256, expected 1..255"),
        ((Chunk(1, b""), Chunk(0, b"")), "chunk type is 0, expected 1..255"),
        ((Chunk(1, b""), Chunk(3, b"")), "chunk type 3 is not known"),
        ((), "0 latents chunks"),
        ((Chunk(1, b""), *[Chunk(128, b"")] * 65535), "number of chunks is 65536, expected 1..65535"),
    ],
)
def test_pack_refuses_chunks_that_do_not_fit(chunks: tuple[Chunk, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        pack(Container(HEADER, chunks))
