"""Divides cores, devices and memory among the files of a run."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cnncompress.cpu_count import available_cores
from cnncompress.errors import OutOfMemory

# More threads than this wait for Python's global lock, which is held for about a twentieth of the work on an image.
_SLOTS_A_PROCESS = 4
# While one image is on the GPU, others are read, entropy-coded and written.
_SLOTS_A_DEVICE = 4
# So many times each slot is given files, or it would be idle while others still work on many.
_TURNS_A_SLOT = 4

FILES_AT_ONCE = 64
"""The most files that a slot is given at a time: 4 megapixels, if they are of 256x256."""

CPU = "cpu"

# Messages of torch, memory allocators and the dynamic linker that mean a lack of memory without being a MemoryError.
_NO_MEMORY = (
    "out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "failed to map segment",
)  # fmt: skip

DEFAULT_BUDGET = 24_000_000
"""Pixels that may be processed at the same time. The networks need a few hundred bytes for each."""


@dataclass(frozen=True)
class Share:
    """Division of a run into processes and threads.

    Attributes:
        devices: Name of the device of each process.
        slots: Number of files that a process works on at the same time.
        threads: CPU threads for each of these files.
        here: Whether this process does the work, without worker processes.
        at_once: How many files a slot is given at a time; more than one if their networks can be run at once.
    """

    devices: tuple[str, ...]
    slots: int
    threads: int
    here: bool
    at_once: int = 1


def share_out(
    devices: Sequence[str], files: int, *, jobs: int | None, threads: int | None, batches: bool = False
) -> Share:
    """Divides a run into processes and threads.

    Args:
        devices: Resolved names of the devices, at least one.
        files: Number of files.
        jobs: Number of files to process at the same time; None for one per core, or a few per GPU.
        threads: CPU threads in total; None or 0 for one per core.
        batches: Whether the files are such that a GPU can run the networks for several at once.
    """
    threads = threads or available_cores()
    if list(devices) != [CPU]:
        slots = _SLOTS_A_DEVICE if jobs is None else math.ceil(jobs / len(devices))
        slots = max(1, min(slots, math.ceil(files / len(devices))))
        all_slots = slots * len(devices)
        at_once = max(1, min(FILES_AT_ONCE, files // (all_slots * _TURNS_A_SLOT))) if batches else 1
        return Share(tuple(devices), slots, max(1, threads // all_slots), len(devices) == 1, at_once)
    slots = max(1, min(threads if jobs is None else jobs, files))
    processes = math.ceil(slots / _SLOTS_A_PROCESS)
    return Share((CPU,) * processes, math.ceil(slots / processes), max(1, threads // slots), here=processes == 1)


@contextlib.contextmanager
def memory_errors(purpose: str) -> Iterator[None]:
    """Turns all that a lack of memory looks like into one error.

    Args:
        purpose: What the memory is for.

    Raises:
        OutOfMemory: The body ran out of memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        if isinstance(error, MemoryError) or any(words in str(error).lower() for words in _NO_MEMORY):
            raise OutOfMemory(f"not enough memory for {purpose}") from error
        raise


class PixelBudget:
    """Limits the number of pixels that are processed at the same time.

    An image larger than the whole budget is processed alone.
    """

    def __init__(self, pixels: int = DEFAULT_BUDGET) -> None:
        """Creates an unused budget.

        Args:
            pixels: Number of pixels.
        """
        self._room = pixels
        self._used = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Waits until the budget has room for an image, and reserves it while the body runs.

        Args:
            pixels: Number of pixels of the image.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + pixels <= self._room)
            self._used += pixels
        try:
            yield
        finally:
            with self._changed:
                self._used -= pixels
                self._changed.notify_all()
