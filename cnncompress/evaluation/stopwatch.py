"""Seconds by stage, as the codec reports them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up seconds by stage; given to `cnncompress.Codec` as `stopwatch`.

    A stage inside another pauses the outer one, so the sum over all stages never exceeds the elapsed time.
    For one thread; not reentrant across threads. Work on a GPU goes on after the call that started it has returned, so
    there the stages tell what the host waits for.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the time inside the ``with`` block, also if it ends with an exception."""
        self._lap()
        self._open.append(name)
        try:
            yield
        finally:
            self._lap()
            self._open.pop()

    def seconds(self) -> dict[str, float]:
        """Returns the seconds so far by stage, in the order in which the stages were first left or interrupted."""
        return dict(self._seconds)

    def reset(self) -> None:
        """Forgets all seconds."""
        self._seconds = {}

    def _lap(self) -> None:
        """Adds the time since the last lap to the innermost open stage."""
        now = time.perf_counter()
        if self._open:
            name = self._open[-1]
            self._seconds[name] = self._seconds.get(name, 0.0) + now - self._since
        self._since = now
