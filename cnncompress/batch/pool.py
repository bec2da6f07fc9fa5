"""Slots that run jobs; those here are threads of this process."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from typing import Protocol

from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result
from cnncompress.batch.worker import Worker
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.codec.progress import Progress, refining_until, unwatched
from cnncompress.errors import CnncompressError

Answer = Result | CnncompressError | BrokenPipeError
"""What another process sends back for a job."""


class SlotLost(Exception):
    """The worker of a slot has died during its jobs.

    Attributes:
        error: The error of those that have no result, if this was their last attempt.
    """

    def __init__(self, error: CnncompressError) -> None:
        super().__init__(str(error))
        self.error = error


class Slot(Protocol):
    """Runs jobs."""

    @property
    def at_once(self) -> int:
        """How many jobs it is given at a time, so that a GPU can run their networks together."""
        ...

    @property
    def process(self) -> int:
        """Id of the process that runs the jobs."""
        ...

    def ready(self, needed: Callable[[], bool]) -> bool:
        """Waits until the slot can run a job; returns False if it never will, or is not needed any more."""
        ...

    def run(self, jobs: Sequence[Job]) -> Iterator[Result]:
        """Runs jobs; results and errors as for `Worker.run_all`."""
        ...

    def stop_soon(self) -> None:
        """Ends the effort on the current image, whose best result so far is written, and gives up the current tar."""
        ...

    def kill(self) -> None:
        """Kills the worker, unless that is this process."""
        ...


@dataclass(frozen=True)
class ThreadSlot:
    """A slot in this process.

    Attributes:
        worker: Runs the jobs.
        stop_asked: Ends the effort on images, and gives up tars, once it is set.
        at_once: How many jobs it is given at a time.
    """

    worker: Worker
    stop_asked: threading.Event
    at_once: int

    @property
    def process(self) -> int:
        """Id of this process."""
        return os.getpid()

    def ready(self, needed: Callable[[], bool]) -> bool:
        """Returns True."""
        return True

    def run(self, jobs: Sequence[Job]) -> Iterator[Result]:
        """Runs jobs; results and errors as for `Worker.run_all`."""
        return self.worker.run_all(jobs)

    def stop_soon(self) -> None:
        """Ends the effort on the current image, and gives up the current tar."""
        self.stop_asked.set()

    def kill(self) -> None:
        """Does nothing, as the slot has no process of its own."""


@contextlib.contextmanager
def thread_slots(
    settings: WorkSettings,
    model: ModelSettings,
    number: int,
    *,
    load: bool,
    at_once: int = 1,
    progress: Progress = unwatched,
) -> Iterator[Sequence[Slot]]:
    """Opens slots in this process that share one model.

    Args:
        settings: How every file is processed.
        model: How the networks are run.
        number: Number of slots, and so of files that are processed at the same time.
        load: Whether the model for compression is loaded first.
        at_once: How many jobs a slot is given at a time.
        progress: Called with the progress on one image.

    Raises:
        ModelError: The model is unknown or damaged.
        DeviceError: The device is not available.
    """
    stop_asked = threading.Event()
    worker = new_worker(settings, model, stop_asked, progress)
    if load:
        worker.prepare()
    yield [ThreadSlot(worker, stop_asked, at_once) for _ in range(number)]


def new_worker(
    settings: WorkSettings, model: ModelSettings, stop_asked: threading.Event | Event, progress: Progress = unwatched
) -> Worker:
    """Returns a worker that ends its effort on images, and gives up tars, once an event is set."""
    watched = refining_until(stop_asked.is_set, progress) if settings.encode.effort else progress
    return Worker(settings, model, watched, stop_asked.is_set)
