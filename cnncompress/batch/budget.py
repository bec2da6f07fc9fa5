"""Keeps the memory of images that are worked on at the same time within bounds."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

DEFAULT_BUDGET = 24_000_000
"""Pixels. The networks need some hundred bytes for each."""


class PixelBudget:
    """Lets images pass as long as there is room; one that is larger than all the room waits until it is alone."""

    def __init__(self, pixels: int = DEFAULT_BUDGET) -> None:
        self._room = pixels
        self._used = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Waits for room for an image, and takes it for as long as the body runs."""
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + pixels <= self._room)
            self._used += pixels
        try:
            yield
        finally:
            with self._changed:
                self._used -= pixels
                self._changed.notify_all()
