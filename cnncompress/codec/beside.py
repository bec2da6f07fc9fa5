"""Background work in other threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class Beside:
    """A pool of background threads; for a ``with`` statement."""

    def __init__(self, threads: int) -> None:
        """Starts no thread yet.

        Args:
            threads: Largest number of threads; with 0 the caller does the work immediately.
        """
        self._threads = ThreadPoolExecutor(threads, "cnncompress-beside") if threads else None

    def __enter__(self) -> Beside:
        """Returns the pool; starts no thread yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for the current work to end."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Starts work, first in first out. The future has its result or exception."""
        if self._threads is not None:
            return self._threads.submit(work)
        done: Future[T] = Future()
        try:
            done.set_result(work())
        except Exception as error:
            done.set_exception(error)
        return done

    def map(self, work: Callable[..., T], *arguments: Iterable[Any]) -> list[T]:
        """Calls a function for each set of arguments, in parallel if there are several, and waits for all results."""
        calls = list(zip(*arguments, strict=True))
        if len(calls) == 1:
            return [work(*calls[0])]
        started = [self.start(lambda call=call: work(*call)) for call in calls]  # type: ignore[misc]
        return [each.result() for each in started]
