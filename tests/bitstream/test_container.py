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

from cnncompress.bitstream.container import (
    Chunk,
    ChunkType,
    Container,
    Header,
    Layout,
    chunk_name,
    head_bytes,
    pack,
    unpack,
    unpack_head,
)
from cnncompress.bitstream.header import TILE_SIDES, tile_count
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
LOSSLESS = Container(
    Header(Layout.RGBA, 4, 5, 0, bytes(4)), (Chunk(ChunkType.LOSSLESS, b"planes"), Chunk(ChunkType.ICC, b"profile"))
)
STORED = Container(
    Header(Layout.BILEVEL, 4, 5, 0, bytes(4)), (Chunk(ChunkType.ORIGINAL, b"file"), Chunk(ChunkType.SOURCE, b"source"))
)
TILED = Container(
    Header(Layout.GRAY_ALPHA, 130, 64, 1, b"abcd", 64),
    (Chunk(ChunkType.LATENTS, b"left"), Chunk(ChunkType.ALPHA, b"alpha"), Chunk(ChunkType.LATENTS, b"right")),
)
ALL_KINDS = pytest.mark.parametrize(
    "container", [SMALL, WITH_ALPHA, LOSSLESS, STORED, TILED], ids=["small", "alpha", "lossless", "stored", "tiled"]
)


def small_file(
    *,
    version: int = 1,
    layout: int = 0,
    width: int = 2,
    height: int = 3,
    quality: int = 50_00,
    fingerprint: bytes = b"wxyz",
    types: bytes = b"\x01",
) -> bytes:
    """A file with any values at all, empty payloads and correct checksums."""
    head = struct.pack("<4sBBHHH4sH", b"\x89CNC", version, layout, width, height, quality, fingerprint, len(types))
    table = b"".join(struct.pack("<BII", kind, 0, zlib.crc32(b"")) for kind in types)
    return head + table + struct.pack("<I", zlib.crc32(head + table))


@st.composite
def containers(draw: st.DrawFn) -> Container:
    layout = draw(st.sampled_from(Layout))
    side = st.integers(1, 65535)
    image = draw(st.sampled_from([1, 1, 3, 4]))
    model = (draw(st.integers(0, 10000)), draw(st.binary(min_size=4, max_size=4))) if image == 1 else (0, bytes(4))
    header = Header(layout, draw(side), draw(side), *model)
    if image == 1:
        tiled = dataclasses.replace(header, tile_side=draw(st.sampled_from(TILE_SIDES)))
        header = tiled if 1 < tile_count(tiled) < 20 else header
    ancillary = [*draw(st.sets(st.integers(128, 131))), *draw(st.lists(st.integers(132, 255), max_size=4))]
    kinds = [*[image] * tile_count(header), *([2] if layout.has_alpha and image == 1 else []), *ancillary]
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
    assert [layout.mode for layout in Layout] == ["L", "LA", "RGB", "RGBA", "1"]
    assert [layout.has_alpha for layout in Layout] == [False, True, False, True, False]
    assert [layout.is_gray for layout in Layout] == [True, True, False, False, True]
    assert unpack(pack(TILED)).payloads(ChunkType.LATENTS) == (b"left", b"right")
    assert unpack(pack(TILED)).payload(ChunkType.LATENTS) == b"left"
    kinds = [SMALL, WITH_ALPHA, LOSSLESS, STORED]
    assert [each.coding for each in kinds] == ["learned", "learned", "lossless", "stored"]
    assert [chunk_name(kind) for kind in ChunkType] == [
        "latents", "alpha", "lossless", "original", "icc", "exif", "xmp", "source",
    ]  # fmt: skip


def test_helper_makes_good_files() -> None:
    assert unpack(small_file()).header.width == 2


@ALL_KINDS
def test_every_single_bit_flip_is_noticed(container: Container) -> None:
    data = bytearray(pack(container))
    for position in range(8 * len(data)):
        data[position // 8] ^= 1 << position % 8
        with pytest.raises(BitstreamError):
            unpack(bytes(data))
        data[position // 8] ^= 1 << position % 8
    assert unpack(bytes(data)) == container


@ALL_KINDS
def test_every_truncation_is_noticed(container: Container) -> None:
    data = pack(container)
    for length in range(len(data)):
        with pytest.raises(Truncated):
            unpack(data[:length])


@given(containers())
def test_head_is_read_without_the_payloads(container: Container) -> None:
    data = pack(container)
    length = head_bytes(data[:18])
    for start in (data[:length], data, memoryview(data)):
        head = unpack_head(start)
        assert (head.header, head.file_bytes) == (container.header, len(data))
        for entry, chunk in zip(head.entries, container.chunks, strict=True):
            payload = data[entry.offset : entry.offset + entry.length]
            assert (entry.type, entry.verified(payload)) == (chunk.type, chunk.payload)
            with pytest.raises(Corrupt, match="checksum of the"):
                entry.verified(payload + b"x")
    with pytest.raises(Truncated):
        unpack_head(data[: length - 1])
    with pytest.raises(Truncated):
        head_bytes(data[:17])


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
        (small_file(layout=5), Corrupt, "layout is 5, expected 0..4"),
        (small_file(layout=0xA0), Corrupt, "side of the tiles is number 10, expected 0..9"),
        (small_file(layout=0x10), Corrupt, "tiles of 64 pixels in an image of 2x3, which is one tile"),
        (small_file(layout=0x10, width=95, height=95), Corrupt, "tiles of 64 pixels in an image of 95x95"),
        (small_file(layout=0x10, width=96), Corrupt, "1 chunks hold an image, expected 2"),
        (small_file(layout=0x10, width=96, types=b"\x01\x01\x01"), Corrupt, "3 chunks hold an image, expected 2"),
        (small_file(layout=0x10, width=96, types=b"\x01\x03"), Corrupt, "the image in different codings"),
        (small_file(layout=0x10, width=96, types=b"\x03\x03"), Corrupt, "tiles in the header of an image that is"),
        (small_file(width=0), Corrupt, "0x3 pixels"),
        (small_file(height=0), Corrupt, "2x0 pixels"),
        (small_file(quality=10001), Corrupt, "quality is 10001"),
        (small_file(types=b"\x01\x05"), UnsupportedVersion, "chunk type 5"),
        (small_file(types=b"\x01\x00"), UnsupportedVersion, "chunk type 0"),
        (small_file(types=b"\x01\x7f"), UnsupportedVersion, "chunk type 127"),
        (small_file(types=b""), Corrupt, "0 chunks hold an image, expected 1"),
        (small_file(types=b"\x02"), Corrupt, "0 chunks hold an image, expected 1"),
        (small_file(types=b"\x01\x01"), Corrupt, "2 chunks hold an image, expected 1"),
        (small_file(types=b"\x01\x03"), Corrupt, "2 chunks hold an image, expected 1"),
        (small_file(types=b"\x04\x03"), Corrupt, "2 chunks hold an image, expected 1"),
        (small_file(types=b"\x01\x02"), Corrupt, "1 alpha chunks in a L image that is learned, expected 0"),
        (small_file(layout=4, types=b"\x01\x02"), Corrupt, "1 alpha chunks in a 1 image"),
        (small_file(layout=3, types=b"\x03\x02"), Corrupt, "1 alpha chunks in a RGBA image that is lossless"),
        (small_file(types=b"\x01\x80\x80"), Corrupt, "2 icc chunks, expected at most 1"),
        (small_file(types=b"\x81\x01\x81\x81"), Corrupt, "3 exif chunks"),
        (small_file(types=b"\x01\x82\x82"), Corrupt, "2 xmp chunks"),
        (small_file(types=b"\x01\x83\x83"), Corrupt, "2 source chunks"),
        (small_file(types=b"\x03"), Corrupt, "a quality or a model in the header of an image that is lossless"),
        (small_file(types=b"\x04", quality=0), Corrupt, "a quality or a model in the header"),
        (small_file(types=b"\x04", fingerprint=bytes(4)), Corrupt, "of an image that is stored"),
        (small_file(layout=3), Corrupt, "0 alpha chunks in a RGBA image"),
        (small_file(layout=1, types=b"\x01\x02\x02"), Corrupt, "2 alpha chunks"),
        (SMALL_BYTES[:-1], Truncated, "1 of 3 payload bytes"),
        (SMALL_BYTES + b"\0", Corrupt, "bytes too many at the end"),
        (SMALL_BYTES[:-1] + b"x", Corrupt, "checksum of the latents chunk"),
        (pack(WITH_ALPHA)[:-9] + b"MOREalpha", Corrupt, "checksum of the ancillary-200 chunk"),
    ],
)
def test_one_minimal_bad_input_per_error(data: bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as caught:
        unpack(data)
    assert type(caught.value) is error


def test_unknown_ancillary_chunks_are_kept() -> None:
    container = unpack(small_file(types=b"\x84\x01\xff\xff"))
    assert [chunk.type for chunk in container.chunks] == [132, 1, 255, 255]


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
        ({"tile_side": 100}, "side of the tiles is 100, expected one of 0, 64, 128"),
        ({"tile_side": 64}, "tiles of 64 pixels in an image of 2x3, which is one tile"),
        ({"tile_side": 64, "width": 200}, "1 chunks hold an image, expected 3"),
        ({"layout": Layout.RGBA}, "0 alpha chunks in a RGBA image that is learned, expected 1"),
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
        ((Chunk(1, b""), Chunk(5, b"")), "chunk type 5 is not known"),
        ((), "number of chunks is 0, expected 1..65535"),
        ((Chunk(200, b""),), "0 chunks hold an image"),
        ((Chunk(3, b""),), "a quality or a model"),
        ((Chunk(1, b""), *[Chunk(200, b"")] * 65535), "number of chunks is 65536, expected 1..65535"),
    ],
)
def test_pack_refuses_chunks_that_do_not_fit(chunks: tuple[Chunk, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        pack(Container(HEADER, chunks))
