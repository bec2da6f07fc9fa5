"""The library `ncnn`, loaded so that its threads do not burn.

Between two layers an idle thread waits for a moment without sleeping, because waking it up takes longer than some
layers. GNU's OpenMP, which ncnn brings along on Linux, lets it wait for some 15 ms by default. That is good for nothing
where the rest of the work is not in ncnn, and bad where another process could have used the core. How long is read from
the environment once, when the library is loaded. docs/ENGINES.md has measurements.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

SPIN_VARIABLE = "GOMP_SPINCOUNT"
_CHOSEN_BY_USERS = (SPIN_VARIABLE, "OMP_WAIT_POLICY")
_SPIN_COUNT = "3000"
"""Turns of the waiting loop, one or two tenths of a millisecond."""


@contextmanager
def _bounded_spin() -> Iterator[None]:
    """Sets the variable for the time that the library takes to load, unless somebody chose otherwise."""
    if any(name in os.environ for name in _CHOSEN_BY_USERS):
        yield
        return
    os.environ[SPIN_VARIABLE] = _SPIN_COUNT
    try:
        yield
    finally:
        del os.environ[SPIN_VARIABLE]


with _bounded_spin():
    import ncnn

__all__ = ["ncnn"]
