"""How many CPUs this process may use: the affinity mask, and the CPU quota of a container.

A container with half a CPU on a machine with 64 sees all 64. Threads beyond the quota make it slower: they use it up
early in each period, and then all of them stand still.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_PROCESS = Path("/proc/self")


def available_cores() -> int:
    """Returns the number of cores to use: ``OMP_NUM_THREADS``, or else what this process may use."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    return cpu_count()


def cpu_count(process: Path = _PROCESS) -> int:
    """Returns how many threads of this process can run at the same time, at least 1.

    A quota of parts of a CPU is rounded up.

    Args:
        process: Folder in which Linux describes the process.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = min(_quotas(process), default=math.inf)
    return allowed if quota >= allowed else max(1, math.ceil(quota))


def _quotas(process: Path) -> Iterator[float]:
    """Yields the quota in CPUs of each control group that the process is in, cgroup v1 and v2."""
    try:
        groups = (process / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
        mounts = (process / "mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return
    for line in groups:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        for folder in _folders(mounts, group, is_v2=not controllers):
            quota = _quota(folder, is_v2=not controllers)
            if quota is not None:
                yield quota


def _folders(mounts: list[str], group: str, *, is_v2: bool) -> Iterator[Path]:
    """Yields the folders of a control group and of those around it, in each place where they are mounted."""
    for line in mounts:
        # 36 35 98:0 /root /mount options - type source super-options
        fields, _, behind = line.partition(" - ")
        parts, kinds = fields.split(" "), behind.split(" ")
        if len(parts) < 5 or len(kinds) < 3 or kinds[0] != ("cgroup2" if is_v2 else "cgroup"):
            continue
        if not is_v2 and "cpu" not in kinds[2].split(","):
            continue
        mount, root = Path(_unescaped(parts[4])), PurePosixPath(_unescaped(parts[3]))
        below = PurePosixPath()
        with contextlib.suppress(ValueError):  # a container may see less of the tree than its process's path names
            below = PurePosixPath(group).relative_to(root)
        yield from (mount / parent for parent in (below, *below.parents) if ".." not in parent.parts)


def _quota(folder: Path, *, is_v2: bool) -> float | None:
    try:
        if is_v2:
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        value = int(quota) / int(period)  # "max", and -1 in version 1, mean that there is none
    except (OSError, ValueError, ZeroDivisionError):
        return None
    return value if value > 0 else None


def _unescaped(path: str) -> str:
    return path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
