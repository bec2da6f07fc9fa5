"""Finds the quality at which something that grows with it comes to where it shall be, in few trials.

Each trial codes an image, so the search interpolates between what it knows (regula falsi) instead of halving. Rate and
distortion grow nearly linearly with the quality where the rate is taken as its logarithm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

MAX_TRIALS = 8
BEST_QUALITY = 10_000
"""In hundredths; the least is 0."""


@dataclass(frozen=True)
class Window:
    """Where a value shall come to lie.

    Attributes:
        low: lower end.
        high: upper end.
        bound: the end that must be kept to, should the window itself not be met.
        slope: how much the value is expected to grow with one hundredth of quality, above 0.
    """

    low: float
    high: float
    bound: Literal["low", "high"]
    slope: float

    def admits(self, value: float) -> bool:
        """Whether a value keeps to the bound."""
        return value <= self.high if self.bound == "high" else value >= self.low

    @property
    def middle(self) -> float:
        """What is aimed at."""
        return (self.low + self.high) / 2

    @property
    def safest(self) -> int:
        """The quality that keeps to the bound if any does."""
        return 0 if self.bound == "high" else BEST_QUALITY


def find_quality(window: Window, value_at: Callable[[int], float], start: int) -> int | None:
    """Searches for a quality.

    Args:
        window: where the value shall be.
        value_at: a trial: returns the value at a quality in hundredths, 0..10000. Is called at most `MAX_TRIALS`
            times, each time with another quality.
        start: the first guess.

    Returns:
        A quality that was tried: one whose value is in the window, or else the one whose value comes nearest to it of
        those that keep to its bound; None if not even the safest does.
    """
    tried: dict[int, float] = {}
    quality: int | None = start
    while quality is not None:
        value = tried[quality] = value_at(quality)
        if window.low <= value <= window.high:
            return quality
        found = any(map(window.admits, tried.values()))
        if len(tried) == MAX_TRIALS - 1 and not found:
            quality = None if window.safest in tried else window.safest
        else:
            quality = _next(window, tried) if len(tried) < MAX_TRIALS else None
    admitted = [quality for quality, value in tried.items() if window.admits(value)]
    return min(admitted, key=lambda quality: abs(tried[quality] - window.middle), default=None)


def _next(window: Window, tried: dict[int, float]) -> int | None:
    """The most promising quality; None if there is none left between those that missed on either side."""
    above = min((quality for quality, value in tried.items() if value > window.high), default=BEST_QUALITY + 1)
    below = max((quality for quality, value in tried.items() if value < window.low and quality < above), default=-1)
    if above - below == 1:
        return None
    # Both sides of the window, or the two trials that came nearest to it from one side.
    first, *rest = sorted(
        tried, key=lambda quality: (quality not in (below, above), abs(tried[quality] - window.middle))
    )
    slope = (tried[rest[0]] - tried[first]) / (rest[0] - first) if rest else window.slope
    step = (window.middle - tried[first]) / (slope if slope > 0 else window.slope)
    return min(max(first + round(step), below + 1), above - 1)
