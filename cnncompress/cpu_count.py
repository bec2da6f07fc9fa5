"""How many cores there are for this process."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Returns the number of cores to use: ``OMP_NUM_THREADS``, or else the cores available to this process."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
