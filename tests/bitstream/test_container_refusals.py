"""What the container refuses: foreign, cut and damaged files, and values that do not fit into one."""

from __future__ import annotations

import dataclasses
import re

import pytest
from container_cases import ALL_KINDS, HEADER, SMALL, SMALL_BYTES, WITH_ALPHA, small_file
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.bitstream.container import Chunk, Container, Layout, pack, unpack
from cnncompress.errors import BadMagic, BitstreamError, Corrupt, Truncated, UnsupportedVersion


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


@given(st.binary(max_size=80))
def test_foreign_bytes_raise_a_bitstream_error(data: bytes) -> None:
    for start in (b"", b"\x89CN", b"\x89CN\x01", SMALL_BYTES[:15]):
        with pytest.raises(BitstreamError):
            unpack(start + data)


def with_table(table: str) -> bytes:
    """A gray image of 2x3 pixels that is lossless, with a table of which nothing is right but the beginning."""
    return bytes.fromhex("89434e 01 00 0200 0300 0080") + bytes.fromhex(table)


def with_others(table: str) -> bytes:
    """The same, with a table that goes on after an empty lossless chunk."""
    return bytes.fromhex("89434e 01 80 0200 0300 0080 00 00000000") + bytes.fromhex(table)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", Truncated, "the file is empty"),
        (b"\x89C", Truncated, "ends after 2 bytes"),
        (b"X", BadMagic, "not a .cnc file"),
        (b"\x89PNG\r\n\x1a\n", BadMagic, "not a .cnc file"),
        (b"\x89CN", Truncated, "ends in its header, after 3 bytes"),
        (b"\x89CN\x02", UnsupportedVersion, "format version 2; this one reads 1"),
        (small_file(version=2), UnsupportedVersion, "format version 2"),
        (small_file(version=0), Corrupt, "format version is 0"),
        (small_file()[:14], Truncated, "ends in its header, after 14 bytes"),
        (small_file()[:15], Truncated, "ends in its chunk table, after 15 bytes"),
        (small_file()[:19], Truncated, "ends in its chunk table, after 19 bytes"),
        (small_file()[:-1] + b"\0", Corrupt, "checksum of the latents chunk"),
        (small_file(layout=7), Corrupt, "layout is 7, expected 0..6"),
        (small_file(tiles=10), Corrupt, "side of the tiles is number 10, expected 0..9"),
        (small_file(tiles=1), Corrupt, "tiles of 64 pixels in an image of 2x3, which is one tile"),
        (small_file(tiles=1, width=95, height=95), Corrupt, "tiles of 64 pixels in an image of 95x95"),
        (small_file(tiles=1, width=96), Truncated, "ends in its chunk table"),
        (small_file(tiles=1, width=96, images=3), Corrupt, "extra bytes at the end"),
        (small_file(tiles=1, width=16384, height=16384), Corrupt, "65536 tiles, expected at most 65535"),
        (small_file(tiles=1, width=96, coding=2, quality=0, images=2), Corrupt, "tiles in the header of an image"),
        (small_file(width=0), Corrupt, "width is 0, expected 1..65535"),
        (small_file(height=0), Corrupt, "height is 0, expected 1..65535"),
        (small_file(quality=10001), Corrupt, "quality is 10001"),
        (small_file(coding=0, layout=1), Corrupt, "0 alpha chunks in a LA image that is avif, expected 1"),
        (small_file(coding=0, tiles=1, width=96, images=2), Corrupt, "tiles in the header of an image that is avif"),
        (small_file(coding=2), Corrupt, "a quality in the header of an image that is lossless"),
        (small_file(coding=3), Corrupt, "of an image that is stored"),
        (small_file(others=b"\x05"), UnsupportedVersion, "chunk type 5"),
        (small_file(others=b"\x84\x00"), UnsupportedVersion, "chunk type 0"),
        (small_file(others=b"\x01"), UnsupportedVersion, "chunk type 1"),
        (small_file(others=b"\x7f"), UnsupportedVersion, "chunk type 127"),
        (small_file(others=b"\x04"), Corrupt, "1 alpha chunks in a L image that is learned, expected 0"),
        (small_file(layout=4, others=b"\x04"), Corrupt, "1 alpha chunks in a 1 image"),
        (small_file(layout=3, coding=2, quality=0, others=b"\x04"), Corrupt, "in a RGBA image that is lossless"),
        (small_file(layout=3), Corrupt, "0 alpha chunks in a RGBA image"),
        (small_file(layout=1, others=b"\x04\x04"), Corrupt, "2 alpha chunks"),
        (small_file(others=b"\x80\x80"), Corrupt, "2 icc chunks, expected at most 1"),
        (small_file(others=b"\x81\xf0\x81\x81"), Corrupt, "3 exif chunks"),
        (small_file(others=b"\x82\x82"), Corrupt, "2 xmp chunks"),
        (small_file(others=b"\x83\x83"), Corrupt, "2 source chunks"),
        (with_others("00"), Corrupt, "number of other chunks is 0, expected 1..65535"),
        (with_others("808004"), Corrupt, "number of other chunks is 65536, expected 1..65535"),
        (with_others("02 c8 00 00000000"), Truncated, "ends in its chunk table, after 23 bytes"),
        (with_table("8000 00000000"), Corrupt, "a number in the chunk table is too long"),
        (with_table("ffffffff10 00000000"), Corrupt, "a number in the chunk table is too long"),
        (with_table("8080808080 00000000"), Corrupt, "a number in the chunk table is too long"),
        (with_table("ffffffff0f 00000000"), Truncated, "4294967295 of 4294967295 payload bytes are missing"),
        (SMALL_BYTES[:-1], Truncated, "1 of 3 payload bytes"),
        (SMALL_BYTES + b"\0", Corrupt, "extra bytes at the end"),
        (SMALL_BYTES[:-1] + b"x", Corrupt, "checksum of the latents chunk"),
        (pack(WITH_ALPHA)[:-154] + b"MORE" + b"alpha" * 30, Corrupt, "checksum of the ancillary-200 chunk"),
    ],
)
def test_one_minimal_bad_input_per_error(data: bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as caught:
        unpack(data)
    assert type(caught.value) is error


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
        ((Chunk(1, b""), Chunk(256, b"")), "chunk type is 256, expected 0..255"),
        ((Chunk(1, b""), Chunk(0, b"")), "2 chunks hold an image, expected 1"),
        ((Chunk(1, b""), Chunk(5, b"")), "chunk type 5 is not known"),
        ((), "the first chunk does not hold an image"),
        ((Chunk(200, b""), Chunk(1, b"")), "the first chunk does not hold an image"),
        ((Chunk(1, b""), Chunk(200, b""), Chunk(1, b"")), "chunk type 1 is not known"),
        ((Chunk(1, b""), Chunk(1, b"")), "2 chunks hold an image, expected 1"),
        ((Chunk(2, b""),), "a quality in the header"),
        ((Chunk(1, b""), *[Chunk(200, b"")] * 65536), "number of other chunks is 65536, expected 0..65535"),
    ],
)
def test_pack_refuses_chunks_that_do_not_fit(chunks: tuple[Chunk, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        pack(Container(HEADER, chunks))
