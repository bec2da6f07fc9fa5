"""Progress callback for the work on one image."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the steps done and their total after each; what it raises ends the work.

A step is a tile, or, where effort is spent on the tiles, a round of it on one of them."""


class StopRefining(Exception):
    """Raised by a `Progress` to end the effort that is spent on an image: the best so far becomes its file."""


def refining_until(stopping: Callable[[], bool], progress: Progress) -> Progress:
    """Returns a progress that ends the effort spent on images.

    Args:
        stopping: Asked after each step whether it is to end.
        progress: Told of each step.
    """

    def watched(done: int, total: int) -> None:
        progress(done, total)
        if stopping():
            raise StopRefining

    return watched


def not_stopping(progress: Progress) -> Progress:
    """Returns a progress that does not end the work: for work without effort, which has no better or worse result."""

    def told(done: int, total: int) -> None:
        with contextlib.suppress(StopRefining):
            progress(done, total)

    return told


def unwatched(done: int, total: int) -> None:
    """Does nothing: the progress of work that is not watched."""
