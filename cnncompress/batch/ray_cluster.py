"""A Ray cluster: how it is reached, and how its machines are divided among the actors of a run."""

from __future__ import annotations

import contextlib
import logging
import math
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cnncompress.batch.resources import CPU
from cnncompress.cpu_count import available_cores
from cnncompress.errors import DeviceError, MissingPackage, UnavailableError

LOCAL = "local"
"""Address of a cluster that is started on this machine for the run."""

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
def connected(address: str) -> Iterator[Any]:
    """Connects to a cluster for the body, and yields the module of Ray.

    Args:
        address: As in `RayRun`.

    Raises:
        MissingPackage: Ray is not installed.
        UnavailableError: There is no cluster at the address.
    """
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


@dataclass(frozen=True)
class Node:
    """A machine of a cluster.

    Attributes:
        cpus: Number of its CPUs.
        gpus: Number of its GPUs.
    """

    cpus: int
    gpus: int = 0


def nodes_of(ray: Any) -> list[Node]:
    """Returns the machines of the cluster that are alive."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(int(each.get("CPU", 0)), int(each.get("GPU", 0))) for each in resources]


@dataclass(frozen=True)
class Actors:
    """The actors of a run.

    Attributes:
        number: How many there are.
        cpus: CPUs that each asks for.
        gpus: Share of a GPU that each asks for.
        threads: CPU threads of each.
    """

    number: int
    cpus: float
    gpus: float
    threads: int

    @property
    def device(self) -> str:
        """Device that they run on."""
        return "cuda" if self.gpus else CPU

    @property
    def options(self) -> dict[str, float]:
        """Arguments for ``ray.remote``."""
        return {"num_cpus": self.cpus} | ({"num_gpus": self.gpus} if self.gpus else {})

    @property
    def wish(self) -> str:
        """What each asks for, in words."""
        return f"each asks for {self.cpus:g} CPUs" + (f" and {self.gpus:.2g} of a GPU" if self.gpus else "")


def actors_for(run: RayRun, nodes: Sequence[Node], files: int) -> Actors:
    """Divides a cluster among actors, each of which has room on one of its machines.

    Args:
        run: How the cluster is used.
        nodes: Its machines.
        files: Number of files, and so of actors at most.

    Raises:
        UnavailableError: The cluster has no CPU.
        DeviceError: It has no GPU, and one is asked for.
    """
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    if run.device.startswith("cuda") and not gpus:
        raise DeviceError("the Ray cluster has no GPU")
    if not cpus:
        raise UnavailableError("the Ray cluster has no CPU")
    on_gpu = gpus > 0 and run.device != CPU
    number = max(1, min(run.jobs or (gpus * _ACTORS_A_GPU if on_gpu else cpus), files))
    threads = max(1, (run.threads or 0) // number)
    if run.jobs is not None and not run.threads:
        threads = max(1, cpus // run.jobs)
    if on_gpu:
        on_each = math.ceil(number / gpus)
        room = min(node.cpus / (node.gpus * on_each) for node in nodes if node.gpus)
        return Actors(number, min(1.0, room), 1 / on_each, threads)
    while threads > 1 and sum(node.cpus // threads for node in nodes) < number:
        threads -= 1
    return Actors(number, threads, 0, threads)
