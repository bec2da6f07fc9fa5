"""Works on the next element of a series while its reader has the one before."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """An iterator whose elements are made by another thread, from the first moment on."""

    def __init__(self, elements: Iterator[T]) -> None:
        """Starts with the first element.

        Args:
            elements: Are asked for by one thread, in order. What they raise, the reader gets.
        """
        self._elements = elements
        self._thread = ThreadPoolExecutor(1, "cnncompress-ahead")
        self._next = self._thread.submit(next, elements, None)

    def __iter__(self) -> Iterator[T]:
        """Hands over one element after the other; each is made before the one before is worked on."""
        with self._thread:
            while (element := self._next.result()) is not None:
                self._next = self._thread.submit(next, self._elements, None)
                yield element
