"""The parts in which a latent is coded: four steps, each cut into four by the variance of its channels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

STEPS = 4
"""Steps of the spatial context; each codes as many elements as the latent has channels, in every 2x2 cell."""
CUTS = (1 / 40, 3 / 40, 1 / 4)
"""Where the channels of a step, by falling variance, are cut into parts, as shares of those of the first band."""
PARTS_OF_STEP = len(CUTS) + 1


@dataclass(frozen=True)
class Part:
    """Elements that are coded together.

    Attributes:
        step: Step of the spatial context that they belong to.
        in_step: Their channels within the step.
        in_latent: Their channels within all steps, one after the other.
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
    """The parts in which a latent is coded, in order.

    Args:
        bands: Channels of each band of the latent; together they are also those of each step. All but the first are
            small, and belong to the last part of each step.
    """
    channels = sum(bands)
    edges = [0, *(max(i, round(cut * bands[0])) for i, cut in enumerate(CUTS, 1)), channels]
    return tuple(
        Part(step, slice(start, stop), slice(step * channels + start, step * channels + stop))
        for step in range(STEPS)
        for start, stop in itertools.pairwise(edges)
    )
