"""Work that other threads do meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class Beside:
    """Threads that work beside the one that has them; for a ``with`` statement."""

    def __init__(self, threads: int) -> None:
        """Starts no thread yet.

        Args:
            threads: How many there are at most; 0 to do everything at once.
        """
        self._threads = ThreadPoolExecutor(threads, "cnncompress-beside") if threads else None

    def __enter__(self) -> Beside:
        """Starts no thread either."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for the end of the work at hand."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Begins with something, whose result or error the future has. What was started first is begun first."""
        if self._threads is not None:
            return self._threads.submit(work)
        done: Future[T] = Future()
        try:
            done.set_result(work())
        except Exception as error:
            done.set_exception(error)
        return done

    def map(self, work: Callable[..., T], *arguments: Iterable[Any]) -> list[T]:
        """Calls a function for each of some arguments, side by side if there are several, and waits for all results."""
        calls = list(zip(*arguments, strict=True))
        if len(calls) == 1:
            return [work(*calls[0])]
        started = [self.start(lambda call=call: work(*call)) for call in calls]  # type: ignore[misc]
        return [each.result() for each in started]
