"""Shares cores, devices and memory out among the files of a run."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Beyond this many threads Python's lock is felt, which is held for about a twentieth of the work on an image.
_SLOTS_A_PROCESS = 4
# While one image is on the device, others are read, entropy-coded and written.
_SLOTS_A_DEVICE = 4

CPU = "cpu"

DEFAULT_BUDGET = 24_000_000
"""Pixels. The networks need some hundred bytes for each."""


@dataclass(frozen=True)
class Share:
    """How a run is shared out.

    Attributes:
        devices: one for each process.
        slots: how many files a process works on at the same time.
        threads: torch's threads of each of them.
        here: whether it all happens in this process.
    """

    devices: tuple[str, ...]
    slots: int
    threads: int
    here: bool


def available_cores() -> int:
    """How many cores this process may use: what OpenMP is told, or else what the system grants."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share_out(devices: Sequence[str], files: int, *, jobs: int | None, threads: int | None) -> Share:
    """Decides how many files are worked on at the same time, where, and with how many threads each.

    Args:
        devices: resolved, at least one.
        files: how many there are.
        jobs: how many of them at the same time; None for one a core, and a few for each GPU.
        threads: threads in all; None for all cores.
    """
    threads = threads or available_cores()
    if list(devices) != [CPU]:
        slots = _SLOTS_A_DEVICE if jobs is None else math.ceil(jobs / len(devices))
        slots = max(1, min(slots, math.ceil(files / len(devices))))
        return Share(tuple(devices), slots, max(1, threads // (slots * len(devices))), here=len(devices) == 1)
    slots = max(1, min(threads if jobs is None else jobs, files))
    processes = math.ceil(slots / _SLOTS_A_PROCESS)
    return Share((CPU,) * processes, math.ceil(slots / processes), max(1, threads // slots), here=processes == 1)


class PixelBudget:
    """Lets images pass as long as there is room; one that is larger than all the room waits until it is alone."""

    def __init__(self, pixels: int = DEFAULT_BUDGET) -> None:
        self._room = pixels
        self._used = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Waits for room for an image, and takes it for as long as the body runs."""
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + pixels <= self._room)
            self._used += pixels
        try:
            yield
        finally:
            with self._changed:
                self._used -= pixels
                self._changed.notify_all()
