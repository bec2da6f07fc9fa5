"""What a coded image costs: lambda times its distortion plus its rate, and each symbol's part in the rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.entropy.symbol_bits import SymbolBits
from cnncompress.entropy.tables import ScaleTables

Floats = NDArray[np.float32]
Integers = NDArray[np.integer[Any]]

PEAK = 255.0


@dataclass(frozen=True)
class RateDistortion:
    """The cost that the search lowers: ``lambda * MSE + bits per pixel``, the loss of the training.

    Attributes:
        lmbda: Trade-off; bits per pixel for one unit of MSE at a peak of 255.
        original: uint8 ``[H, W, 3]``.
    """

    lmbda: float
    original: NDArray[np.uint8]

    @property
    def bits_per_square(self) -> float:
        """Bits that a squared error of 1 (white) at one value of the image is worth."""
        channels: int = self.original.shape[2]
        return self.lmbda * PEAK**2 / channels

    def of(self, payload: bytes, decoded: NDArray[np.uint8]) -> float:
        """Cost of a file, in bits per pixel.

        Args:
            payload: The coded latents.
            decoded: uint8 ``[H, W, 3]``, what a decoder makes of them.
        """
        pixels: int = self.original.shape[0] * self.original.shape[1]
        errors = self.original.astype(np.int32) - decoded
        return self.lmbda * float(np.square(errors).mean()) + 8.0 * len(payload) / pixels


@dataclass(frozen=True)
class StepBits:
    """Bits more that symbols cost after a step, each float32 of the symbols' shape.

    Attributes:
        down: After a step down by one.
        up: After a step up by one.
    """

    down: Floats
    up: Floats


class SymbolCosts:
    """Bits of every symbol in every probability table. Symbols beyond all tables are taken for the first beyond them.

    All lookups take symbols, integers of any shape, and their scale levels, uint8 of the same shape.
    """

    def __init__(self, tables: ScaleTables) -> None:
        """Tabulates the tables' logarithms.

        Args:
            tables: The probability tables.
        """
        self.limit = int(tables.radii.max()) + 1
        symbols, levels = np.arange(-self.limit, self.limit + 1), np.arange(len(tables.radii), dtype=np.uint8)
        table = np.pad(SymbolBits(tables)(symbols, levels[:, None]), 1, mode="edge")
        here = table[1:-1, 1:-1]
        self._bits = here.astype(np.float32)
        down, up = table[1:-1, :-2] - here, table[1:-1, 2:] - here
        down[:, -1] = up[:, 0] = 0.0  # beyond all tables a step towards them changes nothing either
        self._down, self._up = down.astype(np.float32), up.astype(np.float32)
        self._widening = (0.5 * (table[2:, 1:-1] - table[:-2, 1:-1])).astype(np.float32)

    def bits(self, symbols: Integers, levels: NDArray[np.uint8]) -> Floats:
        """Bits of symbols, float32 of their shape."""
        bits: Floats = self._bits.take(self._places(symbols, levels))
        return bits

    def steps(self, symbols: Integers, levels: NDArray[np.uint8]) -> StepBits:
        """What a step of each symbol adds to its bits."""
        places = self._places(symbols, levels)
        return StepBits(self._down.take(places), self._up.take(places))

    def widening(self, symbols: Integers, levels: NDArray[np.uint8]) -> Floats:
        """Bits more for each scale level more, from the levels above and below; float32 of the symbols' shape."""
        widening: Floats = self._widening.take(self._places(symbols, levels))
        return widening

    def _places(self, symbols: Integers, levels: NDArray[np.uint8]) -> NDArray[np.int64]:
        columns = np.clip(symbols, -self.limit, self.limit) + self.limit
        places: NDArray[np.int64] = levels.astype(np.int64) * (2 * self.limit + 1) + columns
        return places
