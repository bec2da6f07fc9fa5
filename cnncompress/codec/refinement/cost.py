"""What a coded image costs: lambda times its distortion plus its rate, and each symbol's part in the rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.refinement.distortion import Distortion, ImageDistortion
from cnncompress.entropy.symbol_bits import SymbolBits
from cnncompress.entropy.tables import ScaleTables
from cnncompress.units import bits_per_pixel

Floats = NDArray[np.float32]
Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class RateDistortion:
    """The cost that the search lowers: ``lambda * distortion + bits per pixel``, the loss of the training.

    Attributes:
        lmbda: Trade-off; bits per pixel for one unit of the distortion.
        distortion: Of the image.
    """

    lmbda: float
    distortion: Distortion

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image."""
        height, width, _ = self.distortion.original.shape
        return height, width

    def of(self, payload: bytes, distortion: ImageDistortion) -> float:
        """Cost of a file, in bits per pixel.

        Args:
            payload: The coded latents.
            distortion: Of what a decoder makes of them.
        """
        height, width = self.size
        return self.lmbda * distortion.value + bits_per_pixel(len(payload), width, height)

    @property
    def bits(self) -> float:
        """Bits of the whole image that one unit of the distortion is worth."""
        height, width = self.size
        return self.lmbda * height * width


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
    """What a step of any symbol adds to its bits. Symbols beyond all tables are taken for the first beyond them."""

    def __init__(self, tables: ScaleTables) -> None:
        """Tabulates the tables' logarithms.

        Args:
            tables: The probability tables.
        """
        self.limit = int(tables.radii.max()) + 1
        symbols, levels = np.arange(-self.limit, self.limit + 1), np.arange(len(tables.radii), dtype=np.uint8)
        here = SymbolBits(tables)(symbols, levels[:, None])
        table = np.pad(here, ((0, 0), (1, 1)), mode="edge")
        down, up = table[:, :-2] - here, table[:, 2:] - here
        down[:, -1] = up[:, 0] = 0.0  # beyond all tables a step towards them changes nothing either
        self._down, self._up = down.astype(np.float32), up.astype(np.float32)

    def steps(self, symbols: Integers, levels: NDArray[np.uint8]) -> StepBits:
        """What a step of each symbol adds to its bits.

        Args:
            symbols: Integers of any shape.
            levels: uint8 of the same shape, their scale levels.
        """
        places = self._places(symbols, levels)
        return StepBits(self._down.take(places), self._up.take(places))

    def _places(self, symbols: Integers, levels: NDArray[np.uint8]) -> NDArray[np.int64]:
        columns = np.clip(symbols, -self.limit, self.limit) + self.limit
        places: NDArray[np.int64] = levels.astype(np.int64) * (2 * self.limit + 1) + columns
        return places
