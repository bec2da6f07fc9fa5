"""Cost of an encoded image: lambda times its distortion plus its rate; and the share of each symbol in the rate."""

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
    """The cost that the search minimises: ``lambda * distortion + bits per pixel``, the loss of the training.

    Attributes:
        lmbda: Lambda, in bits per pixel per unit of distortion.
        distortion: Distortion function of the image.
    """

    lmbda: float
    distortion: Distortion

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image."""
        height, width, _ = self.distortion.original.shape
        return height, width

    def of(self, payload: bytes, distortion: ImageDistortion) -> float:
        """Returns the cost of an encoded image, in bits per pixel.

        Args:
            payload: Payload of the latent chunk.
            distortion: Distortion of the decoded image.
        """
        height, width = self.size
        return self.lmbda * distortion.value + bits_per_pixel(len(payload), width, height)

    @property
    def bits(self) -> float:
        """Bits of the whole image per unit of distortion."""
        height, width = self.size
        return self.lmbda * height * width


@dataclass(frozen=True)
class StepBits:
    """Change of the bits of symbols by a step, each float32 of the symbols' shape.

    Attributes:
        down: Change by a step down.
        up: Change by a step up.
    """

    down: Floats
    up: Floats


class SymbolCosts:
    """Change of a symbol's bits by a step. Symbols beyond all tables count as the first one beyond them."""

    def __init__(self, tables: ScaleTables) -> None:
        """Computes the changes for all levels.

        Args:
            tables: The probability tables.
        """
        self.limit = int(tables.radii.max()) + 1
        symbols, levels = np.arange(-self.limit, self.limit + 1), np.arange(len(tables.radii), dtype=np.uint8)
        here = SymbolBits(tables)(symbols, levels[:, None])
        table = np.pad(here, ((0, 0), (1, 1)), mode="edge")
        down, up = table[:, :-2] - here, table[:, 2:] - here
        down[:, -1] = up[:, 0] = 0.0  # beyond all tables, a step towards them counts as free, too
        self._down, self._up = down.astype(np.float32), up.astype(np.float32)

    def steps(self, symbols: Integers, levels: NDArray[np.uint8]) -> StepBits:
        """Returns the change of each symbol's bits by a step.

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
