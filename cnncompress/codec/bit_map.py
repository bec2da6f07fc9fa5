"""Bits of a file by place: for each block of 16x16 pixels.

Symbols and levels are decoded by the integer networks alone; no float network runs. A symbol of the latent belongs to
one block. A symbol of the hyper-latent belongs to 4x4 blocks, and its bits are divided evenly among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.latents import Latents
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.tiles import CELL, TileGrid
from cnncompress.engines.partition import Partition
from cnncompress.entropy.symbol_bits import SymbolBits
from cnncompress.entropy.tables import ScaleTables
from cnncompress.model.config import HYPER_STRIDE, PATCH
from cnncompress.units import Hundredths

_BLOCKS_ALONG_CELL = HYPER_STRIDE // PATCH


@dataclass(frozen=True)
class BitMap:
    """Bits of each block of 16x16 pixels.

    Attributes:
        bits: float64 ``[ceil(H / 64) * 4, ceil(W / 64) * 4]``. Images are extended to multiples of 64 pixels, so
            there may be blocks to the right of the picture and below it; these cost little.
        payload_bits: Bits of the payloads of all latent chunks. The sum of `bits` is lower by up to 64 bits per tile.
    """

    bits: NDArray[np.float64]
    payload_bits: int


class BitCounter:
    """Counts the bits of images that were coded with one model."""

    def __init__(self, pipeline: ImagePipeline, tables: ScaleTables) -> None:
        """Prepares to count.

        Args:
            pipeline: Pipeline that decodes the symbols; its engine is not used.
            tables: The probability tables.
        """
        self._pipeline = pipeline
        self._symbol_bits = SymbolBits(tables)
        self._partition = Partition(pipeline.transform.scales.config.bands)

    def count(self, grid: TileGrid, payloads: Sequence[bytes], quality: Hundredths) -> BitMap:
        """Counts the bits of an image.

        Args:
            grid: Tiles of the image.
            payloads: Payload of each tile's latent chunk.
            quality: Quality of the file.

        Raises:
            Corrupt: A payload is damaged.
        """
        size = grid.image.padded(CELL).divided(PATCH)
        bits = np.empty((size.height, size.width))
        for number, payload in enumerate(payloads):
            tile = grid.tile(number)
            latents = self._pipeline.unpack(payload, (tile.height, tile.width), quality)
            bits[tile.padded(CELL).divided(PATCH).slices] = self._bits_of(latents)
        return BitMap(bits, 8 * sum(len(payload) for payload in payloads))

    def _bits_of(self, latents: Latents) -> NDArray[np.float64]:
        """Returns the bits of each block of a tile, float64 ``[h, w]``."""
        y_bits = self._partition.merge(self._symbol_bits(latents.y, latents.y_levels).astype(np.float32))
        z_bits = self._symbol_bits(latents.z, latents.z_levels).sum(axis=0) / _BLOCKS_ALONG_CELL**2
        shared: NDArray[np.float64] = z_bits.repeat(_BLOCKS_ALONG_CELL, axis=0).repeat(_BLOCKS_ALONG_CELL, axis=1)
        shared += y_bits.sum(axis=0, dtype=np.float64)
        return shared
