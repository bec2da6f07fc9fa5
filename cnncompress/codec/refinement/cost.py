"""What a coded image costs: lambda times its distortion plus its rate, and each symbol's part in the rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cnncompress.codec.tables import TOTAL, ScaleTables

PEAK = 255.0


@dataclass(frozen=True)
class RateDistortion:
    """The cost that the search lowers: ``lambda * MSE + bits per pixel``, the loss of the training.

    Attributes:
        lmbda: Trade-off; bits per pixel for one unit of MSE at a peak of 255.
        original: uint8 ``[H, W, 3]``.
    """

    lmbda: float
    original: Tensor

    @property
    def bits_per_square(self) -> float:
        """Bits that a squared error of 1 (white) at one value of the image is worth."""
        return self.lmbda * PEAK**2 / self.original.shape[2]

    def of(self, payload: bytes, decoded: Tensor) -> float:
        """Cost of a file, in bits per pixel.

        Args:
            payload: The coded latents.
            decoded: uint8 ``[H, W, 3]``, what a decoder makes of them.
        """
        height, width, _ = self.original.shape
        squares = (self.original.int() - decoded.int()).square()
        return self.lmbda * float(squares.double().mean()) + 8.0 * len(payload) / (height * width)


class SymbolCosts:
    """Bits of every symbol in every probability table."""

    def __init__(self, tables: ScaleTables, device: torch.device) -> None:
        """Tabulates the tables' logarithms.

        Args:
            tables: The probability tables.
            device: Where the costs are looked up.
        """
        self.limit = int(tables.radii.max()) + 1
        magnitudes = np.abs(np.arange(-self.limit, self.limit + 1))
        rows = []
        for radius, weights in zip(tables.radii, tables.split(), strict=True):
            bits = np.log2(TOTAL) - np.log2(weights)
            # An escape, an Exp-Golomb prefix of about p + 1 bits, the sign, and p more bits.
            prefix = np.floor(np.log2(np.maximum(magnitudes - radius, 1)))
            row = bits[-1] + 2.0 * prefix + 2.0
            row[self.limit - radius : self.limit + radius + 1] = bits[:-1]
            rows.append(row)
        self._levels = len(rows)
        self._bits = torch.from_numpy(np.concatenate(rows)).float().to(device)

    def bits(self, symbols: Tensor, levels: Tensor) -> Tensor:
        """Bits of symbols.

        Args:
            symbols: Integer tensor; magnitudes beyond all tables cost as much as the first beyond them.
            levels: uint8 of the same shape, scale levels.

        Returns:
            float32 of the same shape.
        """
        column = symbols.long().clamp(-self.limit, self.limit) + self.limit
        return self._bits[levels.long().clamp(0, self._levels - 1) * (2 * self.limit + 1) + column]
