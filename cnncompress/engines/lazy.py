"""Values that are made when they are first needed, once for all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """A value to come."""

    def __init__(self, make: Callable[[], T]) -> None:
        """Makes nothing yet.

        Args:
            make: Makes the value.
        """
        self._make = make
        self._lock = threading.Lock()

    @property
    def value(self) -> T:
        """The value; a thread that asks while another makes it waits."""
        with self._lock:
            return self._made

    @cached_property
    def _made(self) -> T:
        return self._make()
