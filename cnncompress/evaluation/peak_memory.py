"""Peak memory of this process."""

from __future__ import annotations

import sys


def peak_memory_mib() -> float | None:
    """Returns the largest resident memory so far in MiB; None on systems that do not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, KiB elsewhere
