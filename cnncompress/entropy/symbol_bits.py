"""Bits of symbols in the coded message, as fractions, from the stored tables alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.entropy.coder import prefix_weights
from cnncompress.entropy.tables import TOTAL, ScaleTables

Integers = NDArray[np.integer[Any]]


class SymbolBits:
    """Information content of symbols under the tables of their levels, with escapes.

    A message is longer than the sum over its symbols by less than 64 bits: the coder's initial state and the unused
    part of its last word.
    """

    def __init__(self, tables: ScaleTables) -> None:
        """Computes the logarithms of the tables.

        Args:
            tables: The probability tables.
        """
        self._radii = tables.radii
        self._bits = np.log2(TOTAL) - np.log2(tables.weights)
        self._starts = np.cumsum(2 * tables.radii + 2) - (2 * tables.radii + 2)
        self._prefix_bits = np.log2(TOTAL) - np.log2(prefix_weights())

    def __call__(self, symbols: Integers, levels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Returns the bits of each symbol.

        Args:
            symbols: Integers of any shape, magnitudes up to `cnncompress.entropy.coder.MAX_SYMBOL`.
            levels: uint8, their scale levels; of the same shape, or one that broadcasts.

        Returns:
            float64 of their common shape.
        """
        radii = self._radii[levels]
        beyond = np.abs(symbols) - radii  # above 0 for an escape
        entries = np.where(beyond > 0, 2 * radii + 1, symbols + radii)
        bits: NDArray[np.float64] = self._bits[self._starts[levels] + entries]
        escaped = beyond > 0
        prefixes = np.floor(np.log2(beyond[escaped])).astype(np.int64)
        bits[escaped] += self._prefix_bits[prefixes] + 1.0 + prefixes  # Exp-Golomb prefix, sign, remaining bits
        return bits
