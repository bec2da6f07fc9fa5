"""Progress callback for the work on one image."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called after each step with the number of steps done and their total. An exception that it raises ends the work.

A step is a tile; with effort, it is a round on one tile."""


class StopRefining(Exception):
    """Raised by a `Progress` to end the search of an image: the best result so far becomes its file."""


def refining_until(stopping: Callable[[], bool], progress: Progress) -> Progress:
    """Returns a progress callback that can end the search of an image.

    Args:
        stopping: Called after each step; the search ends if it returns True.
        progress: Called with each step.
    """

    def watched(done: int, total: int) -> None:
        progress(done, total)
        if stopping():
            raise StopRefining

    return watched


def not_stopping(progress: Progress) -> Progress:
    """Returns a callback that ignores `StopRefining`: for work without effort, which has no best result so far."""

    def told(done: int, total: int) -> None:
        with contextlib.suppress(StopRefining):
            progress(done, total)

    return told


def unwatched(done: int, total: int) -> None:
    """Does nothing: the default callback."""
