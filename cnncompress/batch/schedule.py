"""Distributes jobs to slots, and returns the results as they arrive."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from cnncompress.batch.jobs import Job
from cnncompress.batch.outcomes import Result, failure
from cnncompress.batch.pool import Slot, SlotLost
from cnncompress.errors import UnavailableError
from cnncompress.files.outputs import remove_part

_ATTEMPTS, _TAR_ATTEMPTS = 3, 2
"""How often a file, and a tar, is tried if its worker dies."""

# On Windows a signal is handled only after a wait has ended, so waits are short.
_PATIENCE_SECONDS = 0.25


class Schedule:
    """The jobs of a run. One thread per slot runs the next ones as soon as its slot is free."""

    def __init__(
        self,
        jobs: Sequence[Job],
        slots: Sequence[Slot],
        stopping: Callable[[], bool],
        on_stop: Callable[[int], None] = lambda running: None,
        on_start: Callable[[Job], None] = lambda job: None,
    ) -> None:
        """Stores the arguments; `results` starts the work.

        Args:
            jobs: Jobs in the order in which they are started.
            slots: Slots that run the jobs.
            stopping: Called regularly; no further job is started once it returns True.
            on_stop: Called once after a stop, with the number of running jobs.
            on_start: Called with each job before it is run, by the thread of its slot.
        """
        self._jobs = iter(jobs)
        self._slots = slots
        self._stopping = stopping
        self._on_stop = on_stop
        self._on_start = on_start
        self._changed = threading.Condition()
        self._failed = False
        self._running: dict[int, tuple[Slot, list[Job]]] = {}
        self._pending: list[Job] = []  # looked at but not begun, or to be tried again
        self._results: queue.SimpleQueue[Result | Exception | None] = queue.SimpleQueue()

    def results(self) -> Iterator[Result]:
        """Runs the jobs and yields their results in the order in which they end.

        Raises:
            CnncompressError: No job can be run, as when a device is not available. Raised after all running jobs have
                ended.
            BrokenPipeError: The reader of an output has closed it.
        """
        for index, slot in enumerate(self._slots):
            # Daemon threads, so that the process can end without waiting for them.
            threading.Thread(target=self._work, args=(index, slot), daemon=True).start()
        open_slots = len(self._slots)
        error: Exception | None = None
        stopped = False
        while open_slots:
            if not stopped and self._stopping():
                stopped = True
                for slot in self._slots:
                    slot.stop_soon()
                self._on_stop(sum(len(jobs) for _, jobs in list(self._running.values())))
            try:
                answer = self._results.get(timeout=_PATIENCE_SECONDS)
            except queue.Empty:
                continue
            if answer is None:
                open_slots -= 1
            elif isinstance(answer, Exception):
                error = error or answer
            else:
                yield answer
        if error is not None:
            raise error
        for job in self._left():  # all slots have died
            if self._stopping():
                return
            yield failure(job.source, UnavailableError("no worker process is left"), output=job.output or None)

    def abandon(self) -> None:
        """Kills the worker processes and removes unfinished outputs; the caller must end the process afterwards."""
        for slot in self._slots:
            slot.kill()
        for slot, jobs in list(self._running.values()):
            for output in [job.output for job in jobs]:
                remove_part(output, slot.process)

    def _work(self, index: int, slot: Slot) -> None:
        try:
            while slot.ready(self._is_needed) and (jobs := self._taken(index, slot)):
                for job in jobs:
                    self._on_start(job)
                self._run(slot, jobs)
                self._ended(index)
        except Exception as error:
            self._failed = True
            self._results.put(error)
        finally:
            self._ended(index)
            self._results.put(None)

    def _run(self, slot: Slot, jobs: list[Job]) -> None:
        """Runs the jobs that a slot is given at a time; those that have no result yet are kept in the list."""
        try:
            for result in slot.run(tuple(jobs)):
                jobs.pop(0)
                self._results.put(result)
        except SlotLost as lost:
            for job in jobs:
                if job.attempt < (_ATTEMPTS if job.tar is None else _TAR_ATTEMPTS):
                    self._pending.append(replace(job, attempt=job.attempt + 1))
                else:
                    self._results.put(failure(job.source, lost.error, output=job.output or None))

    def _is_needed(self) -> bool:
        """Whether there are jobs that were not begun, or may come back."""
        with self._changed:
            if self._failed or self._stopping():
                return False
            if not self._pending and (job := next(self._jobs, None)) is not None:
                self._pending.append(job)
            return bool(self._pending or self._running)

    def _taken(self, index: int, slot: Slot) -> list[Job]:
        """Returns the next jobs, none at the end; waits for jobs that may come back from slots that are lost."""
        while self._is_needed():
            with self._changed:
                if self._pending:
                    jobs = [self._pending.pop()]
                    if jobs[0].attempt == 1:  # what has cost a worker its life does not share the next one
                        jobs += itertools.islice(self._jobs, slot.at_once - 1)
                    self._running[index] = (slot, jobs)
                    return jobs
                self._changed.wait(_PATIENCE_SECONDS)
        return []

    def _ended(self, index: int) -> None:
        with self._changed:
            self._running.pop(index, None)
            self._changed.notify_all()

    def _left(self) -> Iterator[Job]:
        yield from self._pending
        yield from self._jobs
