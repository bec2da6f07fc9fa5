"""Loads the library `ncnn` with a short spin time for its threads.

Between two layers an idle thread spins for a moment instead of sleeping, because waking up takes longer than some
layers. GNU's OpenMP, which ncnn uses on Linux, spins for about 15 ms by default. That is useless while the program
works outside ncnn, and harmful if another process could use the core. OpenMP reads the spin time from the environment
once, when the library is loaded. docs/ENGINES.md has measurements.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

SPIN_VARIABLE = "GOMP_SPINCOUNT"
_CHOSEN_BY_USERS = (SPIN_VARIABLE, "OMP_WAIT_POLICY")
_SPIN_COUNT = "3000"
"""Iterations of the spin loop: 0.1 to 0.2 milliseconds."""


@contextmanager
def _bounded_spin() -> Iterator[None]:
    """Sets the variable while the library is loaded, unless the environment has it already."""
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
