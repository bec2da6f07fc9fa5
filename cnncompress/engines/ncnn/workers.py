"""Threads for independent pieces of work."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """A thread pool; with one thread, the caller does the work."""

    def __init__(self, threads: int) -> None:
        """Starts no thread yet.

        Args:
            threads: Number of threads.
        """
        self._pool = ThreadPoolExecutor(threads, "cnncompress-piece") if threads > 1 else None

    def run(self, work: Callable[[T], None], pieces: Iterable[T]) -> None:
        """Calls a function for every piece and waits for all. Raises the exception of a call that failed."""
        for _ in map(work, pieces) if self._pool is None else self._pool.map(work, pieces):
            pass
