"""Places where jobs are done: threads of this process, or of processes of their own."""

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
from cnncompress.images.remarks import silence_pillow

_FAREWELL_SECONDS = 5.0

_Answer = Result | CnncompressError | BrokenPipeError


class SlotLost(Exception):
    """The process of a slot has died over a job; there is no use in giving it another one."""

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.result = result


class Slot(Protocol):
    """Does one job at a time."""

    @property
    def process(self) -> int:
        """Number of the process that works."""
        ...

    def run(self, job: Job) -> Result:
        """Does a job; errors as for `Worker.run`."""
        ...

    def stop_refining(self) -> None:
        """Ends the effort that is spent on the job at hand: the best so far becomes its file."""
        ...

    def kill(self) -> None:
        """Ends the process that works, unless it is this one."""
        ...


@dataclass(frozen=True)
class ThreadSlot:
    """A slot in this process; its worker spends no more effort once `refining_stopped` is set."""

    worker: Worker
    refining_stopped: threading.Event

    @property
    def process(self) -> int:
        """Number of the process that works."""
        return os.getpid()

    def run(self, job: Job) -> Result:
        """Does a job; errors as for `Worker.run`."""
        return self.worker.run(job)

    def stop_refining(self) -> None:
        """Ends the effort that is spent on the job at hand."""
        self.refining_stopped.set()

    def kill(self) -> None:
        """Ends nothing."""


@dataclass(frozen=True)
class ProcessSlot:
    """A slot in another process, which talks over a pipe, and spends no more effort once `refining_stopped` is set."""

    child: BaseProcess
    pipe: Connection
    refining_stopped: Event

    @property
    def process(self) -> int:
        """Number of the process that works."""
        return self.child.pid or 0

    def run(self, job: Job) -> Result:
        """Does a job; errors as for `Worker.run`.

        Raises:
            SlotLost: the process has died.
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
        """Ends the effort that is spent on the job at hand."""
        self.refining_stopped.set()

    def kill(self) -> None:
        """Ends the process."""
        self.child.kill()
        self.child.join(1.0)


@contextlib.contextmanager
def thread_slots(
    settings: WorkSettings, engine: Engine, number: int, *, load: bool, progress: Progress = unwatched
) -> Iterator[Sequence[Slot]]:
    """Opens slots in this process, which share a model.

    Args:
        settings: what is done with every file.
        engine: what runs the networks.
        number: how many files are worked on at the same time.
        load: whether the model to compress with is loaded first.
        progress: told of the tiles of large images.

    Raises:
        ModelError: the model is unknown or damaged.
        DeviceError: the device is not there.
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
    """Starts a process for each engine and opens slots in them, of which those of a process share a model.

    Args:
        settings: what is done with every file.
        engines: what runs the networks, for each process.
        number: how many files a process works on at the same time.
        load: whether the model to compress with is loaded first.

    Raises:
        ModelError: the model is unknown or damaged.
        DeviceError: the device is not there.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit locks of torch's threads
    refining_stopped = context.Event()
    children: list[tuple[BaseProcess, list[Connection]]] = []
    try:
        for engine in engines:
            pipes = [context.Pipe() for _ in range(number)]
            theirs = [pipe for _, pipe in pipes]
            child = context.Process(target=_work, args=(settings, engine, refining_stopped, theirs, load), daemon=True)
            child.start()
            children.append((child, [pipe for pipe, _ in pipes]))
            for pipe in theirs:  # so that a dead process is seen as the end of its pipes
                pipe.close()
        for process, ours in children:
            _wait_until_ready(process, ours[0])
        # In turns, so that the first jobs go to different processes.
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
    """What a worker process does."""
    # Ctrl-C and timeout(1) reach all processes of a group; what becomes of it is up to the one that was started.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
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
        except (EOFError, OSError):  # there is nothing left to do, or nobody to do it for
            return
        answer: _Answer
        try:
            answer = worker.run(job)
        except (CnncompressError, BrokenPipeError) as error:
            answer = error
        with contextlib.suppress(OSError):
            pipe.send(answer)
