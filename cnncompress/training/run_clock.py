"""Time that counts against the budget of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class RunClock:
    """Training time of a run, which goes on from the time that was used before."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        """Starts.

        Args:
            clock: Returns the seconds since some moment.
            seconds: Training time used before.
        """
        self._clock = clock
        self._zero = clock() - seconds

    def seconds(self) -> float:
        """Returns the training time in seconds."""
        return self._clock() - self._zero

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves the time that the body takes out."""
        began = self._clock()
        yield
        self._zero += self._clock() - began


class Interval:
    """Training time between two repetitions of some work."""

    def __init__(self, seconds: float, start: float) -> None:
        """Starts.

        Args:
            seconds: Training time in between.
            start: Training time now.
        """
        self._seconds, self._last = seconds, start

    def is_over(self, now: float) -> bool:
        """Whether the interval is over; if so, the next one begins."""
        if now - self._last <= self._seconds:
            return False
        self._last = now
        return True
