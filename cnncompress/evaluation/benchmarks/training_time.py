"""How the loss falls with the time of training, and what it would be after more."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ScalingCurve:
    """Runs of one network that differ in their time alone.

    Attributes:
        name: The network's.
        parameters: Trained numbers.
        minutes: Of the runs, rising.
        loss: Of each, relative to any run common to all curves that are compared.
    """

    name: str
    parameters: int
    minutes: tuple[float, ...]
    loss: tuple[float, ...]

    @property
    def has_power_law(self) -> bool:
        """Whether there are enough runs, two, to fit one."""
        return len(self.minutes) > 1

    def power_law(self) -> tuple[float, float]:
        """Fits ``loss = factor * minutes ** exponent`` by least squares of the logarithms.

        A straight line in the logarithms has no floor, so it is an optimist far beyond the last run (Hoffmann et al.,
        "Training Compute-Optimal Large Language Models", 2022, section 3, fit a floor as well, to hundreds of runs).

        Returns:
            Factor and exponent.

        Raises:
            ValueError: There is a single run.
        """
        if not self.has_power_law:
            raise ValueError(f"{self.name}: a power law needs runs of two lengths")
        exponent, intercept = np.polyfit(np.log(self.minutes), np.log(self.loss), 1)
        return math.exp(intercept), float(exponent)

    def at(self, minutes: float) -> float:
        """Loss that the power law expects after so many minutes."""
        factor, exponent = self.power_law()
        return factor * math.pow(minutes, exponent)


def crossing(one: ScalingCurve, other: ScalingCurve) -> float | None:
    """Minutes after which the power laws of two networks meet; None where they are parallel."""
    (factor, exponent), (other_factor, other_exponent) = one.power_law(), other.power_law()
    if math.isclose(exponent, other_exponent):
        return None
    return math.exp(math.log(other_factor / factor) / (exponent - other_exponent))
