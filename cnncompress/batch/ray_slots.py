"""Slots that run jobs in actors of a Ray cluster.

Only paths, settings and results travel: inputs and outputs are on a file system that all machines share, or are URLs.
An actor that dies is replaced as soon as the cluster has room for it; its job goes to the next actor that is free.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

from cnncompress.batch.jobs import Job, ModelSettings, WorkSettings
from cnncompress.batch.outcomes import Result, failure
from cnncompress.batch.pool import Answer, Slot, SlotLost, new_worker
from cnncompress.batch.resources import CPU
from cnncompress.cpu_count import available_cores
from cnncompress.errors import CnncompressError, DeviceError, MissingPackage, UnavailableError
from cnncompress.images.remarks import silence_pillow
from cnncompress.remote import is_url

LOCAL = "local"
"""Address of a cluster that is started on this machine for the run."""

ATTEMPTS, TAR_ATTEMPTS = 3, 2
"""How often a file, and a tar, is tried if its actor dies."""

_PATIENCE_SECONDS = 0.25
_CONNECTION_SECONDS = 10.0
_ACTORS_A_GPU = 4  # while one image is on the GPU, others are read, entropy-coded and written


@dataclass(frozen=True)
class RayRun:
    """How a run uses a cluster.

    Attributes:
        address: ``auto``, ``local``, or an address as for ``ray.init``.
        device: ``auto``, ``cpu`` or ``cuda``.
        jobs: Number of actors; None for all that the cluster has room for.
        threads: CPU threads in total; None or 0 for the CPUs of the cluster.
    """

    address: str
    device: str = "auto"
    jobs: int | None = None
    threads: int | None = None


@contextlib.contextmanager
def ray_slots(
    run: RayRun, settings: WorkSettings, model: ModelSettings, files: int, *, load: bool
) -> Iterator[list[Slot]]:
    """Opens slots in a cluster; actors start while the first jobs run.

    Args:
        run: How the cluster is used.
        settings: How every file is processed.
        model: Model and precision.
        files: Number of files, and so of actors at most.
        load: Whether the model for compression is loaded first.

    Raises:
        MissingPackage: Ray is not installed.
        UnavailableError: There is no cluster at the address, or it has no CPU.
        DeviceError: The cluster has no GPU, and one is asked for.
    """
    with _connected(run.address) as ray:
        number, options, device, threads = _share(run, ray.cluster_resources(), files)
        name = model.name
        if name is not None and os.path.exists(name):  # noqa: PTH110 - may be no path at all
            name = os.path.abspath(name)  # noqa: PTH100 - links stay
        model = replace(model, name=name, device=device, threads=threads)
        # Two calls at a time: a job, and the request to stop.
        actor_class = ray.remote(max_restarts=0, max_concurrency=2, **options)(_Actor)
        slots = [RaySlot(ray, lambda: actor_class.remote(settings, model, load)) for _ in range(number)]
        try:
            yield cast("list[Slot]", slots)
        finally:
            for slot in slots:
                slot.kill()


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        import ray
    except ImportError:
        raise MissingPackage("--ray needs Ray: pip install 'cnncompress[ray]'") from None
    if ray.is_initialized():
        yield ray
        return
    _refuse_closed(address)
    local: dict[str, Any] = {}
    if address == LOCAL:  # by default Ray's workers give way to all other processes of a machine
        config = {"worker_niceness": 0}
        local = {"num_cpus": available_cores(), "include_dashboard": False, "_system_config": config}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=True, **local)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, error) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray sets its own
    # Ray prints what happens to machines, up to its end, and standard output is for data.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            yield ray
        finally:
            ray.shutdown()


def _refuse_closed(address: str) -> None:
    """Checks that somebody listens at an address: else Ray would end this process."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECTION_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> UnavailableError:
    hint = "`ray start --head` starts a cluster, and --ray local one for a single run"
    return UnavailableError(f"no Ray cluster at {address}: {' '.join(str(error).split())}; {hint}")


def _share(run: RayRun, resources: dict[str, float], files: int) -> tuple[int, dict[str, float], str, int]:
    """Returns the number of actors, the resources of each, the device, and the threads of each."""
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    if run.device.startswith("cuda") and not gpus:
        raise DeviceError("the Ray cluster has no GPU")
    on_gpu = gpus > 0 and run.device != CPU
    if not cpus:
        raise UnavailableError("the Ray cluster has no CPU")
    number = max(1, min(run.jobs or (gpus * _ACTORS_A_GPU if on_gpu else cpus), files))
    threads = max(1, (run.threads or 0) // number)
    if run.jobs is not None and not run.threads:
        threads = max(1, cpus // run.jobs)
    if on_gpu:
        on_each = math.ceil(number / gpus)
        return number, {"num_cpus": min(1.0, cpus / number), "num_gpus": 1 / on_each}, "cuda", threads
    return number, {"num_cpus": threads}, CPU, threads


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
        except CnncompressError as error:
            return error
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

    def __init__(self, ray: Any, new_actor: Callable[[], Any]) -> None:
        """Starts no actor yet.

        Args:
            ray: The module.
            new_actor: Asks the cluster for another actor.
        """
        self.process = 0
        self._ray = ray
        self._new_actor = new_actor
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
        return True

    def _open(self) -> None:
        try:
            answer = self._ray.get(self._opening)
        except self._ray.exceptions.RayActorError as error:
            self.kill()
            self._failures += 1
            if self._failures == ATTEMPTS:
                raise UnavailableError(f"actors of Ray die while they start: {_first_line(error)}") from error
            return
        if isinstance(answer, CnncompressError):
            raise answer
        self.process, self._opening, self._failures = answer, None, 0

    def run(self, job: Job) -> Result:
        """Runs a job; errors as for `Worker.run`.

        Raises:
            SlotLost: The actor or its machine has died.
        """
        here = {_absolute(job.source): job.source, _absolute(job.output): job.output}
        try:
            sent = replace(job, source=_absolute(job.source), output=_absolute(job.output))
            answer: Answer = self._ray.get(self._actor.run.remote(sent))
        except self._ray.exceptions.RayActorError:
            self.kill()
            limit = ATTEMPTS if job.tar is None else TAR_ATTEMPTS
            error = UnavailableError(f"{job.attempt} Ray actors have died while processing this file")
            raise SlotLost(failure(job.source, error, output=job.output or None), again=job.attempt < limit) from None
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
