"""Slots that run jobs in actors of a Ray cluster.

Only paths, settings and results travel: inputs and outputs are on a file system that all machines share, or are URLs.
An actor that dies is replaced as soon as the cluster has room for it; its job goes to the next actor that is free.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result, known_error
from cnncompress.batch.pool import Answer, Slot, SlotLost, new_worker
from cnncompress.batch.ray_cluster import RayRun, actors_for, connected, nodes_of
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import CnncompressError, UnavailableError
from cnncompress.images.remarks import silence_pillow
from cnncompress.remote import is_url

_STARTS = 3
"""How often an actor of a slot may die while it starts, one after the other."""

_PATIENCE_SECONDS = 0.25
_SILENT_SECONDS = 60.0


@contextlib.contextmanager
def ray_slots(
    run: RayRun,
    settings: WorkSettings,
    model: ModelSettings,
    files: int,
    *,
    load: bool,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[list[Slot]]:
    """Opens slots in a cluster; actors start while the first jobs run.

    Args:
        run: How the cluster is used.
        settings: How every file is processed.
        model: Model and precision.
        files: Number of files, and so of actors at most.
        load: Whether the model for compression is loaded first.
        tell: Called once if no actor starts for a minute; by any thread.

    Raises:
        MissingPackage: Ray is not installed.
        UnavailableError: There is no cluster at the address, or it has no CPU.
        DeviceError: The cluster has no GPU, and one is asked for.
    """
    with connected(run.address) as ray:
        actors = actors_for(run, nodes_of(ray), files)
        model = replace(model.from_any_folder(), device=actors.device, threads=actors.threads)
        # Two calls at a time: a job, and the request to stop.
        actor_class = ray.remote(max_restarts=0, max_concurrency=2, **actors.options)(_Actor)
        patience = Patience(f"no actor of Ray has started yet; {actors.wish}, and others may use the cluster", tell)
        slots = [
            RaySlot(ray, lambda: actor_class.remote(settings, model, load), patience) for _ in range(actors.number)
        ]
        try:
            yield cast("list[Slot]", slots)
        finally:
            for slot in slots:
                slot.kill()


class Patience:
    """Says once that no actor has started for a while; all slots of a run share one."""

    def __init__(self, text: str, tell: Callable[[str], None], seconds: float = _SILENT_SECONDS) -> None:
        """Starts the clock.

        Args:
            text: What is said.
            tell: Says it.
            seconds: How long nothing is said.
        """
        self._text, self._tell = text, tell
        self._end: float | None = time.monotonic() + seconds
        self._lock = threading.Lock()

    def started(self) -> None:
        """Ends the wait: an actor has started."""
        self._end = None

    def check(self) -> None:
        """Says the text if the time is over."""
        with self._lock:
            if self._end is None or time.monotonic() < self._end:
                return
            self._end = None
        self._tell(self._text)


class _Actor:
    """A worker in a process of the cluster."""

    def __init__(self, settings: WorkSettings, model: ModelSettings, load: bool) -> None:
        silence_pillow()
        self._stop_asked = threading.Event()
        self._worker = new_worker(settings, model, self._stop_asked)
        self._load = load

    def open(self) -> int | CnncompressError:
        """Loads the model if that is asked for; returns the id of the process, or what is wrong."""
        try:
            if self._load:
                self._worker.prepare()
        except Exception as error:
            return known_error(error)
        return os.getpid()

    def run(self, job: Job) -> Answer:
        try:
            return self._worker.run(job)
        except (CnncompressError, BrokenPipeError) as error:
            return error

    def stop_soon(self) -> None:
        self._stop_asked.set()


class RaySlot:
    """A slot in an actor of a cluster, and in the next one if that dies."""

    at_once = 1

    def __init__(self, ray: Any, new_actor: Callable[[], Any], patience: Patience) -> None:
        """Starts no actor yet.

        Args:
            ray: The module.
            new_actor: Asks the cluster for another actor.
            patience: Says if no actor starts.
        """
        self.process = 0
        self._ray = ray
        self._new_actor = new_actor
        self._patience = patience
        self._actor: Any = None
        self._opening: Any = None
        self._failures = 0

    def ready(self, needed: Callable[[], bool]) -> bool:
        """Waits for an actor.

        Args:
            needed: Called regularly; the slot is given up once it returns False.

        Raises:
            CnncompressError: The model cannot be loaded, or actors die while they start.
        """
        while self._actor is None or self._opening is not None:
            if not needed():
                return False
            if self._actor is None:
                self._actor = self._new_actor()
                self._opening = self._actor.open.remote()
            opened, _ = self._ray.wait([self._opening], timeout=_PATIENCE_SECONDS)
            if opened:
                self._open()
            else:
                self._patience.check()
        return True

    def _open(self) -> None:
        try:
            answer = self._ray.get(self._opening)
        except self._ray.exceptions.RayError as error:
            self.kill()
            self._failures += 1
            if self._failures == _STARTS:
                raise UnavailableError(f"actors of Ray die while they start: {_first_line(error)}") from error
            return
        if isinstance(answer, CnncompressError):
            raise answer
        self.process, self._opening, self._failures = answer, None, 0
        self._patience.started()

    def run(self, jobs: Sequence[Job]) -> Iterator[Result]:
        """Runs jobs; results and errors as for `Worker.run_all`.

        Raises:
            SlotLost: The actor or its machine has died, or cannot be reached.
        """
        yield from map(self._run, jobs)

    def _run(self, job: Job) -> Result:
        here = {_absolute(job.source): job.source, _absolute(job.output): job.output}
        try:
            sent = replace(job, source=_absolute(job.source), output=_absolute(job.output))
            answer: Answer = self._ray.get(self._actor.run.remote(sent))
        except self._ray.exceptions.RayError as error:
            # Of an actor that has died, and also of one that Ray has killed as memory is short: no RayActorError.
            self.kill()
            last = f"{type(error).__name__}: {_first_line(error)}"
            text = f"{job.attempt} Ray actors have died while processing this file, the last with {last}"
            raise SlotLost(UnavailableError(text)) from None
        if not isinstance(answer, Result):
            raise answer
        names = {name: here.get(getattr(answer, name), getattr(answer, name)) for name in ("input", "output", "about")}
        return replace(answer, **names)

    def stop_soon(self) -> None:
        """Ends the effort on the current image, and gives up the current tar."""
        if self._actor is not None:
            self._actor.stop_soon.remote()

    def kill(self) -> None:
        """Kills the actor."""
        if self._actor is not None:
            with contextlib.suppress(Exception):  # the cluster may be gone
                self._ray.kill(self._actor)
        self._actor = self._opening = None


def _absolute(path: str) -> str:
    return path if not path or is_url(path) else os.path.abspath(path)  # noqa: PTH100 - links stay


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
