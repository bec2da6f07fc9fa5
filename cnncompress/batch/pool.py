"""Slots that run jobs: threads of this process or of worker processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Protocol

from cnncompress.batch.jobs import Engine, Job, WorkSettings
from cnncompress.batch.outcomes import Result, failure
from cnncompress.batch.worker import Worker
from cnncompress.codec.progress import Progress, refining_until, unwatched
from cnncompress.errors import CnncompressError, OutOfMemory
from cnncompress.images.remarks import part_from_libraries, silence_pillow

_FAREWELL_SECONDS = 5.0

_Answer = Result | CnncompressError | BrokenPipeError


class SlotLost(Exception):
    """The worker process of a slot has died during a job; the slot cannot be used any more.

    Attributes:
        result: Result of the job, a failure.
    """

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.result = result


class Slot(Protocol):
    """Runs one job at a time."""

    @property
    def process(self) -> int:
        """Id of the process that runs the jobs."""
        ...

    def run(self, job: Job) -> Result:
        """Runs a job; errors as for `Worker.run`."""
        ...

    def stop_refining(self) -> None:
        """Ends the effort on the current job; the best result so far is written."""
        ...

    def kill(self) -> None:
        """Kills the worker process, unless it is this process."""
        ...


@dataclass(frozen=True)
class ThreadSlot:
    """A slot in this process.

    Attributes:
        worker: Runs the jobs.
        refining_stopped: Ends the effort on images once it is set.
    """

    worker: Worker
    refining_stopped: threading.Event

    @property
    def process(self) -> int:
        """Id of this process."""
        return os.getpid()

    def run(self, job: Job) -> Result:
        """Runs a job; errors as for `Worker.run`."""
        return self.worker.run(job)

    def stop_refining(self) -> None:
        """Ends the effort on the current job."""
        self.refining_stopped.set()

    def kill(self) -> None:
        """Does nothing, as the slot has no process of its own."""


@dataclass(frozen=True)
class ProcessSlot:
    """A slot in a worker process.

    Attributes:
        child: The worker process.
        pipe: Connection that jobs are sent and results received over.
        refining_stopped: Ends the effort on images once it is set.
    """

    child: BaseProcess
    pipe: Connection
    refining_stopped: Event

    @property
    def process(self) -> int:
        """Id of the worker process."""
        return self.child.pid or 0

    def run(self, job: Job) -> Result:
        """Runs a job; errors as for `Worker.run`.

        Raises:
            SlotLost: The worker process has died.
        """
        try:
            self.pipe.send(job)
            answer: _Answer = self.pipe.recv()
        except (EOFError, OSError):
            self.child.join(1.0)
            raise SlotLost(failure(job.source, _death(self.child), output=job.output or None)) from None
        if not isinstance(answer, Result):
            raise answer
        return answer

    def stop_refining(self) -> None:
        """Ends the effort on the current job."""
        self.refining_stopped.set()

    def kill(self) -> None:
        """Kills the worker process."""
        self.child.kill()
        self.child.join(1.0)


@contextlib.contextmanager
def thread_slots(
    settings: WorkSettings, engine: Engine, number: int, *, load: bool, progress: Progress = unwatched
) -> Iterator[Sequence[Slot]]:
    """Opens slots in this process that share one model.

    Args:
        settings: How every file is processed.
        engine: How the networks are run.
        number: Number of slots, and so of files that are processed at the same time.
        load: Whether the model for compression is loaded first.
        progress: Called with the progress on one image.

    Raises:
        ModelError: The model is unknown or damaged.
        DeviceError: The device is not available.
    """
    refining_stopped = threading.Event()
    worker = _worker(settings, engine, refining_stopped, progress)
    if load:
        worker.prepare()
    yield [ThreadSlot(worker, refining_stopped) for _ in range(number)]


@contextlib.contextmanager
def process_slots(
    settings: WorkSettings, engines: Sequence[Engine], number: int, *, load: bool
) -> Iterator[Sequence[Slot]]:
    """Starts a worker process for each engine and opens slots in them; the slots of a process share one model.

    Args:
        settings: How every file is processed.
        engines: How each process runs the networks.
        number: Number of slots in each process.
        load: Whether the model for compression is loaded first.

    Raises:
        ModelError: The model is unknown or damaged.
        DeviceError: The device is not available.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit locks held by torch's threads
    refining_stopped = context.Event()
    children: list[tuple[BaseProcess, list[Connection]]] = []
    try:
        for engine in engines:
            pipes = [context.Pipe() for _ in range(number)]
            theirs = [pipe for _, pipe in pipes]
            child = context.Process(target=_work, args=(settings, engine, refining_stopped, theirs, load), daemon=True)
            child.start()
            children.append((child, [pipe for pipe, _ in pipes]))
            for pipe in theirs:  # or the death of the process would not close its pipes
                pipe.close()
        for process, ours in children:
            _wait_until_ready(process, ours[0])
        # Alternate between the processes, so that the first jobs go to different ones.
        yield [
            ProcessSlot(process, ours[index], refining_stopped) for index in range(number) for process, ours in children
        ]
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


def _worker(
    settings: WorkSettings, engine: Engine, refining_stopped: threading.Event | Event, progress: Progress = unwatched
) -> Worker:
    return Worker(
        settings, engine, refining_until(refining_stopped.is_set, progress) if settings.encode.effort else progress
    )


def _work(
    settings: WorkSettings, engine: Engine, refining_stopped: Event, pipes: Sequence[Connection], load: bool
) -> None:
    """Runs jobs in a worker process until its pipes are closed."""
    # Ctrl-C and timeout(1) signal all processes of the group; only the main process reacts.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    part_from_libraries()
    silence_pillow()
    worker = _worker(settings, engine, refining_stopped)
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
        answer: _Answer
        try:
            answer = worker.run(job)
        except (CnncompressError, BrokenPipeError) as error:
            answer = error
        with contextlib.suppress(OSError):
            pipe.send(answer)
