"""Where numbers were measured: packages, processor, threads."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from PIL import AvifImagePlugin

from cnncompress import __version__
from cnncompress.cpu_count import available_cores, cpu_count
from cnncompress.evaluation.libraries import JPEG_XL_PACKAGE, library_versions

PACKAGES = (
    "constriction",
    "cvvdp",
    "numpy",
    "pillow",
    JPEG_XL_PACKAGE,
    "scipy",
    "ssimulacra2",
    "torch",
)


@dataclass(frozen=True)
class Environment:
    """Software and hardware behind a set of measurements.

    Attributes:
        python: Version of Python.
        system: Operating system and machine type.
        cpu: Model name of the processor, as far as the system tells.
        threads: Threads that the process was held to (see `limit_threads`), or as many as it could use.
        packages: Name and version of the packages and of the peers' libraries, sorted by name.
    """

    python: str
    system: str
    cpu: str
    threads: int
    packages: tuple[tuple[str, str], ...]


def current_environment() -> Environment:
    """Returns the environment of this process."""
    versions = {"cnncompress": __version__}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # not every measurement needs all of them
    versions |= library_versions()
    return Environment(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cpu=_cpu_model(),
        threads=available_cores(),
        packages=tuple(sorted(versions.items())),
    )


def limit_threads(threads: int) -> None:
    """Limits this process to a number of threads; for entry points, before torch is imported.

    The codecs count threads in different ways: torch and ncnn by OpenMP's variable, Pillow's AVIF by the processors of
    the process or a default of its own; both are set. Where the system allows it (Linux), the process is also bound to
    that many processors.

    Raises:
        ValueError: `threads` is below 1 or above the number of processors.
    """
    available = cpu_count()
    if not 1 <= threads <= available:
        raise ValueError(f"threads is {threads}, expected 1 to {available}")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    AvifImagePlugin.DEFAULT_MAX_THREADS = threads
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _cpu_model() -> str:
    """Returns the model name of the processor; on Linux it is in a file, elsewhere the platform module has it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, flags=re.MULTILINE)
    return match.group(1).strip() if match else platform.processor() or platform.machine() or "unknown"
