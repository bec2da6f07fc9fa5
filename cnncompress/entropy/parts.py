"""The sixteen parts in which a latent is coded: four steps, each divided into four parts by variance of channels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

STEPS = 4
"""Steps of the spatial context. In every 2x2 cell, each step codes one element per channel of the latent."""
CUTS = (1 / 40, 3 / 40, 1 / 4)
"""Where the channels of a step, by falling variance, are divided into parts, as shares of the first band's channels."""
PARTS_OF_STEP = len(CUTS) + 1


@dataclass(frozen=True)
class Part:
    """Elements that are coded together.

    Attributes:
        step: Step of the spatial context.
        in_step: Channels of the part within the step.
        in_latent: Channels of the part within the concatenation of all steps.
    """

    step: int
    in_step: slice
    in_latent: slice

    @property
    def size(self) -> int:
        """Number of channels."""
        size: int = self.in_step.stop - self.in_step.start
        return size


def coding_parts(bands: Sequence[int]) -> tuple[Part, ...]:
    """Returns the parts in which a latent is coded, in order.

    Args:
        bands: Number of channels of each band of the latent; the sum is the number of channels of each step. All
            bands but the first have low variance, and belong to the last part of each step.
    """
    channels = sum(bands)
    edges = [0, *(max(i, round(cut * bands[0])) for i, cut in enumerate(CUTS, 1)), channels]
    return tuple(
        Part(step, slice(start, stop), slice(step * channels + start, step * channels + stop))
        for step in range(STEPS)
        for start, stop in itertools.pairwise(edges)
    )
