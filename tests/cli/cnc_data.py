"""A .cnc file whose header, table and length are all that a test needs."""

from __future__ import annotations

from cnncompress.bitstream.container import Chunk, ChunkType, Container, Header, Layout, pack
from cnncompress.units import Hundredths

DATA = pack(
    Container(
        Header(Layout.RGB, 20, 10, Hundredths(62_50), bytes.fromhex("00ff1234")), (Chunk(ChunkType.LATENTS, bytes(50)),)
    )
)
"""Of 20x10 pixels, by a model that is not installed."""
