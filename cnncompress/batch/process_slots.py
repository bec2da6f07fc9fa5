"""Slots that run jobs in worker processes. A process that dies is started again, and its jobs are tried again."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event

from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result, known_error
from cnncompress.batch.pool import Answer, Slot, SlotLost, new_worker
from cnncompress.batch.worker import Worker
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import CnncompressError, OutOfMemory, UnavailableError
from cnncompress.files.outputs import remove_part
from cnncompress.images.remarks import part_from_libraries, silence_pillow

_FAREWELL_SECONDS = 5.0
_LAST_SECONDS = 1.0


@contextlib.contextmanager
def process_slots(
    settings: WorkSettings, models: Sequence[ModelSettings], number: int, *, load: bool, at_once: int = 1
) -> Iterator[Sequence[Slot]]:
    """Starts a worker process for each model and opens slots in them; the slots of a process share one model.

    Args:
        settings: How every file is processed.
        models: How each process runs the networks.
        number: Number of slots in each process.
        load: Whether the model for compression is loaded first.
        at_once: How many jobs a slot is given at a time.

    Raises:
        ModelError: The model is unknown or damaged.
        DeviceError: The device is not available.
        UnavailableError: A process dies while it starts.
    """
    processes: list[WorkerProcess] = []
    try:
        for model in models:
            processes.append(WorkerProcess(settings, model, number, load=load))
        for process in processes:
            process.wait_until_ready()
        # Alternate between the processes, so that the first jobs go to different ones.
        yield [ProcessSlot(process, index, at_once) for index in range(number) for process in processes]
    finally:
        for process in processes:
            process.close()


class WorkerProcess:
    """A worker process, and the next one if it dies.

    Attributes:
        alone: Held during a job whose process has died before. The slots of a process die together, and so a job that
            kills it could take the same others with it at every attempt.
    """

    def __init__(self, settings: WorkSettings, model: ModelSettings, slots: int, *, load: bool) -> None:
        """Starts the process; arguments as for `process_slots`."""
        self.alone = threading.Lock()
        self._settings, self._model, self._slots, self._load = settings, model, slots, load
        self._context = multiprocessing.get_context("spawn")  # a fork would inherit locks held by torch's threads
        self._stop_asked = self._context.Event()
        self._changing = threading.Lock()
        self._ended = False
        self._start()

    def _start(self) -> None:
        pipes = [self._context.Pipe() for _ in range(self._slots)]
        theirs = [pipe for _, pipe in pipes]
        arguments = (self._settings, self._model, self._stop_asked, theirs, self._load)
        self._child: BaseProcess = self._context.Process(target=_work, args=arguments, daemon=True)
        self._pipes = [pipe for pipe, _ in pipes]
        self._child.start()
        for pipe in theirs:  # or the death of the process would not close its pipes
            pipe.close()

    def wait_until_ready(self) -> None:
        """Waits for the process; errors as for `process_slots`."""
        try:
            answer: CnncompressError | None = self._pipes[0].recv()
        except (EOFError, OSError):
            self._child.join(_LAST_SECONDS)
            raise _death("a worker process has died while it started", self._child) from None
        if answer is not None:
            raise answer

    @property
    def id(self) -> int:
        """Id of the process."""
        return self._child.pid or 0

    @property
    def is_alive(self) -> bool:
        """Whether the process can run jobs."""
        with self._changing:
            return not self._ended and self._child.is_alive()

    def revive(self) -> bool:
        """Starts the process again if it has died; returns whether it can run jobs."""
        with self._changing:
            if self._ended or self._child.is_alive():
                return not self._ended
            try:
                self._start()
                self.wait_until_ready()
            except (CnncompressError, OSError):  # the others go on
                self._ended = True
        return not self._ended

    def run(self, index: int, jobs: Sequence[Job]) -> Iterator[Answer]:
        """Has jobs run in a slot.

        Raises:
            SlotLost: The process has died.
        """
        with self._changing:
            child, pipe = self._child, self._pipes[index]
        answered = 0
        try:
            pipe.send(jobs)
            while (answer := pipe.recv()) is not None:
                yield answer
                answered += 1
        except (EOFError, OSError):
            with self._changing:  # two threads cannot wait for one process
                child.join(_LAST_SECONDS)
                death = _death(f"{jobs[0].attempt} worker processes have died over this file, the last", child)
                child.kill()  # if only the thread of the slot has ended
                child.join(_LAST_SECONDS)
            for job in jobs[answered:]:
                remove_part(job.output, child.pid or 0)
            raise SlotLost(death) from None

    def stop_soon(self) -> None:
        """Ends the effort on the current images, and gives up the current tars."""
        self._stop_asked.set()

    def kill(self) -> None:
        """Kills the process for good."""
        self._ended = True
        self._child.kill()
        self._child.join(_LAST_SECONDS)

    def close(self) -> None:
        """Waits until the process has ended, and kills it if that takes long."""
        self._ended = True
        for pipe in self._pipes:
            pipe.close()
        self._child.join(_FAREWELL_SECONDS)
        if self._child.is_alive():
            self._child.kill()


@dataclass(frozen=True)
class ProcessSlot:
    """A slot in a worker process.

    Attributes:
        worker: The process.
        index: Number of the slot in it.
        at_once: How many jobs it is given at a time.
    """

    worker: WorkerProcess
    index: int
    at_once: int

    @property
    def process(self) -> int:
        """Id of the worker process."""
        return self.worker.id

    def ready(self, needed: Callable[[], bool]) -> bool:
        """Starts the worker process again if it has died and is needed; returns whether it can run jobs."""
        return self.worker.is_alive or (needed() and self.worker.revive())

    def run(self, jobs: Sequence[Job]) -> Iterator[Result]:
        """Runs jobs; results and errors as for `Worker.run_all`.

        Raises:
            SlotLost: The worker process has died.
        """
        with self.worker.alone if jobs[0].attempt > 1 else contextlib.nullcontext():
            self.worker.revive()  # it may have died since
            for answer in self.worker.run(self.index, jobs):
                if not isinstance(answer, Result):
                    raise answer
                yield answer

    def stop_soon(self) -> None:
        """Ends the effort on the current image, and gives up the current tar."""
        self.worker.stop_soon()

    def kill(self) -> None:
        """Kills the worker process."""
        self.worker.kill()


def _death(what: str, child: BaseProcess) -> UnavailableError:
    if child.exitcode is None:
        return UnavailableError(f"{what} without an answer")
    if child.exitcode < 0:
        return OutOfMemory(f"{what} by signal {-child.exitcode}, as happens when memory is short")
    return UnavailableError(f"{what} with exit code {child.exitcode}")


def _work(
    settings: WorkSettings, model: ModelSettings, stop_asked: Event, pipes: Sequence[Connection], load: bool
) -> None:
    """Runs jobs in a worker process until its pipes are closed."""
    # Ctrl-C and timeout(1) signal all processes of the group; only the main process reacts.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    part_from_libraries()
    silence_pillow()
    try:
        worker = new_worker(settings, model, stop_asked)
        if load:
            worker.prepare()
    except Exception as error:
        pipes[0].send(known_error(error))
        return
    pipes[0].send(None)
    threads = [threading.Thread(target=_serve, args=(worker, pipe), daemon=True) for pipe in pipes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _serve(worker: Worker, pipe: Connection) -> None:
    """Runs the jobs of a slot; whatever ends the thread closes its pipe, which the main process notices."""
    with pipe:
        while True:
            try:
                jobs: Sequence[Job] = pipe.recv()
            except (EOFError, OSError):  # the main process has closed the pipe or has died
                return
            with contextlib.suppress(OSError):
                for answer in _answers(worker, jobs):
                    pipe.send(answer)


def _answers(worker: Worker, jobs: Sequence[Job]) -> Iterator[Answer | None]:
    """Yields what is sent back: results and None, or results and an error."""
    try:
        yield from worker.run_all(jobs)
    except (CnncompressError, BrokenPipeError) as error:
        yield error
    else:
        yield None
