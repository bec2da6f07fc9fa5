"""How long the stages of coding take."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Stopwatch(Protocol):
    """Measures how long the stages of coding take."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Times the body of a ``with`` statement under a name."""
        ...


class NoStopwatch:
    """Measures nothing."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Does nothing."""
        return nullcontext()
