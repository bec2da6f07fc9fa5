"""Threads that do independent pieces of work side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """A number of threads; with one, the caller does the work."""

    def __init__(self, threads: int) -> None:
        """Starts no thread yet.

        Args:
            threads: How many.
        """
        self._pool = ThreadPoolExecutor(threads, "cnncompress-piece") if threads > 1 else None

    def run(self, work: Callable[[T], None], pieces: Iterable[T]) -> None:
        """Calls a function for every piece, and returns when all are done, or raises what one of them raised."""
        for _ in map(work, pieces) if self._pool is None else self._pool.map(work, pieces):
            pass
