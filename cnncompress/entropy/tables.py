"""Integer probability tables: one per scale level, stored with the weights.

A table has a weight for each symbol ``-R .. R`` and, last, one for the escape, which stands for all larger magnitudes.
Weights are at least 1 and their sum is 2^24. They are computed once, when a model is exported, and never recomputed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnncompress.errors import InvalidModel
from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS, SCALE_MIN

TOTAL = 1 << 24
MAX_RADIUS = 2047

_PRIOR_SYMBOLS = 3000.0
"""Weight of the Gaussian prior, in counted symbols."""


@dataclass(frozen=True)
class ScaleTables:
    """Integer probability tables of all scale levels.

    Attributes:
        radii: int32 ``[64]``, the largest magnitude R of each table, 1 .. 2047.
        weights: int32, all tables one after the other, ``2 R + 2`` entries each.
    """

    radii: NDArray[np.int32]
    weights: NDArray[np.int32]

    def __post_init__(self) -> None:
        """Checks all conditions that the entropy coder relies on.

        Raises:
            InvalidModel: The shape, range or sum of a table is wrong.
        """
        if self.radii.shape != (SCALE_LEVELS,) or self.radii.min() < 1 or self.radii.max() > MAX_RADIUS:
            raise InvalidModel(f"table radii must be {SCALE_LEVELS} numbers within 1 .. {MAX_RADIUS}")
        if self.weights.shape != (int((2 * self.radii.astype(np.int64) + 2).sum()),) or self.weights.min() < 1:
            raise InvalidModel("probability tables have the wrong length or a weight below 1")
        if any(int(table.astype(np.int64).sum()) != TOTAL for table in self.split()):
            raise InvalidModel(f"the weights of a probability table do not add up to {TOTAL}")

    def split(self) -> list[NDArray[np.int32]]:
        """Returns the table of each level, ``2 R + 2`` weights."""
        return list(np.split(self.weights, np.cumsum(2 * self.radii + 2)[:-1]))


def level_scale(level: int) -> float:
    """Returns the standard deviation of a level, in quantisation steps."""
    return SCALE_MIN * math.exp(level / LEVELS_PER_NAT)


def table_radius(level: int) -> int:
    """Returns the radius of a table: about seven standard deviations, since real tails are heavy."""
    return min(MAX_RADIUS, 3 + math.ceil(7.0 * level_scale(level)))


def gaussian_mass(level: int, radius: int) -> NDArray[np.float64]:
    """Returns the masses of the symbols ``-radius .. radius`` and of all others, under a zero-mean Gaussian."""
    edges = (np.arange(-radius, radius + 2) - 0.5) / (level_scale(level) * math.sqrt(2.0))
    cumulative = np.array([0.5 * math.erfc(-edge) for edge in edges])
    return np.append(np.diff(cumulative), cumulative[0] + 0.5 * math.erfc(edges[-1]))


def integer_weights(mass: NDArray[np.float64]) -> NDArray[np.int32]:
    """Rounds a probability mass to integer weights of at least 1 with the sum 2^24."""
    spare = TOTAL - len(mass)
    weights = np.floor(mass / mass.sum() * spare).astype(np.int64) + 1
    weights[np.argmax(weights)] += TOTAL - weights.sum()
    rounded: NDArray[np.int32] = weights.astype(np.int32)
    return rounded


def build_tables(counts: NDArray[np.int64]) -> ScaleTables:
    """Builds the tables from symbols counted on training images, with the Gaussian as a prior.

    The real distribution is more peaked and has heavier tails than a Gaussian; counts capture that. Counts of both
    signs are averaged.

    Args:
        counts: int64 ``[64, 2 * 2047 + 1]``: number of occurrences of each symbol ``-2047 .. 2047`` at each level.
            Larger magnitudes are counted at the ends. All zeros give Gaussian tables.

    Returns:
        The tables.
    """
    symmetric = (counts + counts[:, ::-1]) / 2.0
    radii, tables = [], []
    for level in range(SCALE_LEVELS):
        radius = table_radius(level)
        inside = symmetric[level, MAX_RADIUS - radius : MAX_RADIUS + radius + 1]
        histogram = np.append(inside, symmetric[level].sum() - inside.sum())
        mass = histogram + _PRIOR_SYMBOLS * gaussian_mass(level, radius)
        radii.append(radius)
        tables.append(integer_weights(mass))
    return ScaleTables(np.array(radii, dtype=np.int32), np.concatenate(tables))
