"""The four coding steps of a latent, for engines in NumPy: the same as `cnncompress.nn.mean_context.StepPartition`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnncompress.entropy.parts import PARTS_OF_STEP, STEPS, coding_parts

Floats = NDArray[np.float32]

POSITIONS = ((0, 0), (1, 1), (0, 1), (1, 0))
"""Row and column within a 2x2 cell, in coding order."""


class _Block(NamedTuple):
    """Channels that a step codes at the same position of every cell."""

    channels: slice
    row: int
    column: int


class Partition:
    """Reorders a latent into the four coding steps and back."""

    def __init__(self, bands: Sequence[int]) -> None:
        """Computes the order.

        Args:
            bands: Number of channels of each band of the latent, multiples of 4; each band is divided into four groups.
        """
        self._blocks = [list(_blocks(bands, step)) for step in range(STEPS)]
        parts = [part.in_step for part in coding_parts(bands)[:PARTS_OF_STEP]]
        part_of = np.repeat(np.arange(PARTS_OF_STEP), [part.stop - part.start for part in parts])
        self.delta_rows = [4 * part_of + _places(blocks) for blocks in self._blocks]
        """For each step and channel, the number of its quantisation step size, 0 .. 15: ``4 g + p`` for part g of the
        step and position p in the cell, ``2 * row + column``."""

    def split(self, y: Floats) -> Floats:
        """Reorders ``[M, h, w]`` into four steps ``[4, M, h/2, w/2]``, in coding order."""
        channels, height, width = y.shape
        steps = np.empty((STEPS, channels, height // 2, width // 2), np.float32)
        for own, blocks in zip(steps, self._blocks, strict=True):
            for block in blocks:
                own[block.channels] = y[block.channels, block.row :: 2, block.column :: 2]
        return steps

    def merge(self, steps: Floats) -> Floats:
        """Inverse of `split`."""
        _, channels, height, width = steps.shape
        y = np.empty((channels, 2 * height, 2 * width), np.float32)
        for own, blocks in zip(steps, self._blocks, strict=True):
            for block in blocks:
                y[block.channels, block.row :: 2, block.column :: 2] = own[block.channels]
        return y


def _blocks(bands: Sequence[int], step: int) -> Iterator[_Block]:
    """Yields the blocks of a step: step k codes group j of each band at position k xor j."""
    ends = np.cumsum([0, *(group for band in bands for group in [band // STEPS] * STEPS)]).tolist()
    for number, (start, stop) in enumerate(itertools.pairwise(ends)):
        yield _Block(slice(start, stop), *POSITIONS[step ^ (number % STEPS)])


def _places(blocks: Sequence[_Block]) -> NDArray[np.intp]:
    """Position in the cell of each channel of a step, ``2 * row + column``."""
    sizes = [block.channels.stop - block.channels.start for block in blocks]
    return np.repeat([2 * block.row + block.column for block in blocks], sizes)
