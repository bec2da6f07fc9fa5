"""What a coded image costs: lambda times its distortion plus its rate, and each symbol's part in the rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnncompress.entropy.tables import TOTAL, ScaleTables

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


@dataclass(frozen=True)
class StepBits:
    """Bits more that symbols cost after a step, each float32 of the symbols' shape.

    Attributes:
        down: After a step down by one.
        up: After a step up by one.
    """

    down: Tensor
    up: Tensor


class SymbolCosts:
    """Bits of every symbol in every probability table. Symbols beyond all tables are taken for the first beyond them.

    All lookups take symbols, an integer tensor, and their scale levels, uint8 of the same shape.
    """

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
        table = np.pad(np.stack(rows), 1, mode="edge")
        here = table[1:-1, 1:-1]

        def flat(values: NDArray[np.float64]) -> Tensor:
            return torch.from_numpy(values.flatten()).float().to(device)

        self._bits = flat(here)
        down, up = table[1:-1, :-2] - here, table[1:-1, 2:] - here
        down[:, -1] = up[:, 0] = 0.0  # beyond all tables a step towards them changes nothing either
        self._down, self._up = flat(down), flat(up)
        self._widening = flat(0.5 * (table[2:, 1:-1] - table[:-2, 1:-1]))

    def bits(self, symbols: Tensor, levels: Tensor) -> Tensor:
        """Bits of symbols, float32 of their shape."""
        return self._bits[self._places(symbols, levels)]

    def steps(self, symbols: Tensor, levels: Tensor) -> StepBits:
        """What a step of each symbol adds to its bits."""
        places = self._places(symbols, levels)
        return StepBits(self._down[places], self._up[places])

    def widening(self, symbols: Tensor, levels: Tensor) -> Tensor:
        """Bits more for each scale level more, from the levels above and below; float32 of the symbols' shape."""
        return self._widening[self._places(symbols, levels)]

    def _places(self, symbols: Tensor, levels: Tensor) -> Tensor:
        columns = symbols.clamp(-self.limit, self.limit) + self.limit
        return (levels.int() * (2 * self.limit + 1) + columns).long()
