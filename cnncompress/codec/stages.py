"""Timing of the stages of encoding and decoding."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Stopwatch(Protocol):
    """Measures the time of the stages of encoding and decoding."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Returns a context manager that measures a stage of that name."""
        ...


class NoStopwatch:
    """Measures nothing."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Does nothing."""
        return nullcontext()
