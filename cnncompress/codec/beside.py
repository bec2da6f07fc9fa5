"""Work that another thread does meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")


class Beside:
    """A thread that works beside the one that has it, on one thing after the other; for a ``with`` statement."""

    def __init__(self, *, alone: bool = False) -> None:
        """Starts no thread yet.

        Args:
            alone: Whether there is to be no thread, so that everything is done at once.
        """
        self._thread = None if alone else ThreadPoolExecutor(1, "cnncompress-beside")

    def __enter__(self) -> Beside:
        """Starts no thread either."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for the end of the work at hand."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Begins with something, whose result or error the future has."""
        if self._thread is not None:
            return self._thread.submit(work)
        done: Future[T] = Future()
        try:
            done.set_result(work())
        except Exception as error:
            done.set_exception(error)
        return done
