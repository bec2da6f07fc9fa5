"""Containers of each kind, and files with any values at all."""

from __future__ import annotations

import struct
import zlib

import pytest

from cnncompress.bitstream.container import Chunk, ChunkType, Container, Header, Layout
from cnncompress.units import Hundredths

HEADER = Header(Layout.GRAY, 2, 3, Hundredths(50_00), bytes.fromhex("01234567"))
SMALL = Container(HEADER, (Chunk(ChunkType.LATENTS, b"abc"),))
SMALL_BYTES = bytes.fromhex(
    "89434e 01 00 0200 0300 8853 01234567"  # header
    "03 2b2b0eca"  # table
    "616263"  # payload
)
WITH_ALPHA = Container(
    Header(Layout.RGBA, 65535, 1, Hundredths(100_00), b"\xff\x00\xff\x00"),
    (Chunk(ChunkType.LATENTS, b""), Chunk(200, b"more"), Chunk(ChunkType.ALPHA, b"alpha" * 30)),
)
LOSSLESS = Container(
    Header(Layout.RGBA, 4, 5, Hundredths(0), bytes(4)),
    (Chunk(ChunkType.LOSSLESS, b"planes"), Chunk(ChunkType.ICC, b"profile")),
)
STORED = Container(
    Header(Layout.BILEVEL, 4, 5, Hundredths(0), bytes(4)),
    (Chunk(ChunkType.ORIGINAL, b"file"), Chunk(ChunkType.SOURCE, b"source")),
)
TILED = Container(
    Header(Layout.GRAY_ALPHA, 130, 64, Hundredths(1), b"abcd", 64),
    (Chunk(ChunkType.LATENTS, b"left"), Chunk(ChunkType.LATENTS, b"right"), Chunk(ChunkType.ALPHA, b"alpha")),
)
ALL_KINDS = pytest.mark.parametrize(
    "container", [SMALL, WITH_ALPHA, LOSSLESS, STORED, TILED], ids=["small", "alpha", "lossless", "stored", "tiled"]
)


def small_file(
    *,
    version: int = 1,
    layout: int = 0,
    tiles: int = 0,
    width: int = 2,
    height: int = 3,
    coding: int = 1,
    quality: int = 50_00,
    images: int = 1,
    others: bytes = b"",
) -> bytes:
    """A file with any values at all, empty payloads and correct checksums."""
    kind = layout | tiles << 3 | bool(others) << 7
    head = struct.pack("<3sBBHHH", b"\x89CN", version, kind, width, height, quality | coding << 14)
    head += b"wxyz" if coding == 1 else b""
    entries = [b"\0"] * images + [bytes([kind, 0]) for kind in others]
    table = [entry + struct.pack("<I", zlib.crc32(head + entry)) for entry in entries]
    count = bytes([len(others)]) if others else b""
    return head + b"".join(table[:images]) + count + b"".join(table[images:])
