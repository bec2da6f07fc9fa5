"""Values that are computed at their first use, once for all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class Lazy(Generic[T]):
    """A value that is computed at its first use."""

    def __init__(self, make: Callable[[], T]) -> None:
        """Computes nothing yet.

        Args:
            make: Computes the value.
        """
        self._make = make
        self._made: list[T] = []
        self._lock = threading.Lock()

    @property
    def value(self) -> T:
        """The value. If another thread is computing it, waits for that."""
        # Not by cached_property: up to Python 3.11 all objects of a class share its lock, and one waits for another.
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]


class Recent(Generic[K, T]):
    """A cache of the most recently used values, each computed at its first use.

    `functools.lru_cache` on a method would create a reference cycle. This class does not, so the values are freed
    together with their owner.
    """

    def __init__(self, most: int) -> None:
        """Holds nothing yet.

        Args:
            most: Largest number of values kept.
        """
        self._most = most
        self._values: dict[K, T] = {}
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[K], T]) -> T:
        """Returns the value of a key. If another thread is computing a value, waits for that."""
        with self._lock:
            self._values[key] = value = self._values.pop(key) if key in self._values else make(key)
            if len(self._values) > self._most:
                del self._values[next(iter(self._values))]
            return value
