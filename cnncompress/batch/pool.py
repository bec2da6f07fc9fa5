"""Slots that run jobs: threads of this process or of worker processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Protocol

from cnncompress.batch.jobs import Job, ModelSettings, WorkSettings
from cnncompress.batch.outcomes import Result, failure
from cnncompress.batch.worker import Worker
from cnncompress.codec.progress import Progress, refining_until, unwatched
from cnncompress.errors import CnncompressError, OutOfMemory
from cnncompress.images.remarks import part_from_libraries, silence_pillow

_FAREWELL_SECONDS = 5.0

Answer = Result | CnncompressError | BrokenPipeError
"""What another process sends back for a job."""


class SlotLost(Exception):
    """The worker process of a slot has died during a job.

    Attributes:
        result: Result of the job, a failure.
        again: Whether another slot should try the job instead.
    """

    def __init__(self, result: Result, *, again: bool = False) -> None:
        super().__init__(result)
        self.result = result
        self.again = again


class Slot(Protocol):
    """Runs one job at a time."""

    @property
    def process(self) -> int:
        """Id of the process that runs the jobs."""
        ...

    def ready(self, needed: Callable[[], bool]) -> bool:
        """Waits until the slot can run a job; returns False if it never will, or is not needed any more."""
        ...

    def run(self, job: Job) -> Result:
        """Runs a job; errors as for `Worker.run`."""
        ...

    def stop_soon(self) -> None:
        """Ends the effort on the current image, whose best result so far is written, and gives up the current tar."""
        ...

    def kill(self) -> None:
        """Kills the worker process, unless it is this process."""
        ...


@dataclass(frozen=True)
class ThreadSlot:
    """A slot in this process.

    Attributes:
        worker: Runs the jobs.
        stop_asked: Ends the effort on images, and gives up tars, once it is set.
    """

    worker: Worker
    stop_asked: threading.Event

    @property
    def process(self) -> int:
        """Id of this process."""
        return os.getpid()

    def ready(self, needed: Callable[[], bool]) -> bool:
        """Returns True."""
        return True

    def run(self, job: Job) -> Result:
        """Runs a job; errors as for `Worker.run`."""
        return self.worker.run(job)

    def stop_soon(self) -> None:
        """Ends the effort on the current image, and gives up the current tar."""
        self.stop_asked.set()

    def kill(self) -> None:
        """Does nothing, as the slot has no process of its own."""


@dataclass(frozen=True)
class ProcessSlot:
    """A slot in a worker process.

    Attributes:
        child: The worker process.
        pipe: Connection that jobs are sent and results received over.
        stop_asked: Ends the effort on images, and gives up tars, once it is set.
    """

    child: BaseProcess
    pipe: Connection
    stop_asked: Event

    @property
    def process(self) -> int:
        """Id of the worker process."""
        return self.child.pid or 0

    def ready(self, needed: Callable[[], bool]) -> bool:
        """Returns whether the worker process is alive."""
        return self.child.is_alive()

    def run(self, job: Job) -> Result:
        """Runs a job; errors as for `Worker.run`.

        Raises:
            SlotLost: The worker process has died.
        """
        try:
            self.pipe.send(job)
            answer: Answer = self.pipe.recv()
        except (EOFError, OSError):
            self.child.join(1.0)
            raise SlotLost(failure(job.source, _death(self.child), output=job.output or None)) from None
        if not isinstance(answer, Result):
            raise answer
        return answer

    def stop_soon(self) -> None:
        """Ends the effort on the current image, and gives up the current tar."""
        self.stop_asked.set()

    def kill(self) -> None:
        """Kills the worker process."""
        self.child.kill()
        self.child.join(1.0)


@contextlib.contextmanager
def thread_slots(
    settings: WorkSettings, model: ModelSettings, number: int, *, load: bool, progress: Progress = unwatched
) -> Iterator[Sequence[Slot]]:
    """Opens slots in this process that share one model.

    Args:
        settings: How every file is processed.
        model: How the networks are run.
        number: Number of slots, and so of files that are processed at the same time.
        load: Whether the model for compression is loaded first.
        progress: Called with the progress on one image.

    Raises:
        ModelError: The model is unknown or damaged.
        DeviceError: The device is not available.
    """
    stop_asked = threading.Event()
    worker = new_worker(settings, model, stop_asked, progress)
    if load:
        worker.prepare()
    yield [ThreadSlot(worker, stop_asked) for _ in range(number)]


@contextlib.contextmanager
def process_slots(
    settings: WorkSettings, models: Sequence[ModelSettings], number: int, *, load: bool
) -> Iterator[Sequence[Slot]]:
    """Starts a worker process for each model and opens slots in them; the slots of a process share one model.

    Args:
        settings: How every file is processed.
        models: How each process runs the networks.
        number: Number of slots in each process.
        load: Whether the model for compression is loaded first.

    Raises:
        ModelError: The model is unknown or damaged.
        DeviceError: The device is not available.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit locks held by torch's threads
    stop_asked = context.Event()
    children: list[tuple[BaseProcess, list[Connection]]] = []
    try:
        for model in models:
            pipes = [context.Pipe() for _ in range(number)]
            theirs = [pipe for _, pipe in pipes]
            child = context.Process(target=_work, args=(settings, model, stop_asked, theirs, load), daemon=True)
            child.start()
            children.append((child, [pipe for pipe, _ in pipes]))
            for pipe in theirs:  # or the death of the process would not close its pipes
                pipe.close()
        for process, ours in children:
            _wait_until_ready(process, ours[0])
        # Alternate between the processes, so that the first jobs go to different ones.
        yield [ProcessSlot(process, ours[index], stop_asked) for index in range(number) for process, ours in children]
    finally:
        for _, ours in children:
            for pipe in ours:
                pipe.close()
        for process, _ in children:
            process.join(_FAREWELL_SECONDS)
            if process.is_alive():
                process.kill()


def _death(child: BaseProcess) -> OutOfMemory:
    return OutOfMemory(f"the worker process has died (exit code {child.exitcode}), as it does when memory is short")


def _wait_until_ready(child: BaseProcess, pipe: Connection) -> None:
    try:
        answer: CnncompressError | None = pipe.recv()
    except (EOFError, OSError):
        child.join(1.0)
        raise _death(child) from None
    if answer is not None:
        raise answer


def new_worker(
    settings: WorkSettings, model: ModelSettings, stop_asked: threading.Event | Event, progress: Progress = unwatched
) -> Worker:
    """Returns a worker that ends its effort on images, and gives up tars, once an event is set."""
    watched = refining_until(stop_asked.is_set, progress) if settings.encode.effort else progress
    return Worker(settings, model, watched, stop_asked.is_set)


def _work(
    settings: WorkSettings, model: ModelSettings, stop_asked: Event, pipes: Sequence[Connection], load: bool
) -> None:
    """Runs jobs in a worker process until its pipes are closed."""
    # Ctrl-C and timeout(1) signal all processes of the group; only the main process reacts.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    part_from_libraries()
    silence_pillow()
    worker = new_worker(settings, model, stop_asked)
    try:
        if load:
            worker.prepare()
    except CnncompressError as error:
        pipes[0].send(error)
        return
    pipes[0].send(None)
    threads = [threading.Thread(target=_serve, args=(worker, pipe), daemon=True) for pipe in pipes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _serve(worker: Worker, pipe: Connection) -> None:
    while True:
        try:
            job: Job = pipe.recv()
        except (EOFError, OSError):  # the main process has closed the pipe or has died
            return
        answer: Answer
        try:
            answer = worker.run(job)
        except (CnncompressError, BrokenPipeError) as error:
            answer = error
        with contextlib.suppress(OSError):
            pipe.send(answer)
