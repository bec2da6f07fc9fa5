"""Runs of programs that are measured."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cnncompress.errors import CnncompressError

CNNCOMPRESS = (sys.executable, "-m", "cnncompress")

TIMED_COMMAND = (sys.executable, "-I", "-S", str(Path(__file__).with_name("timed_command.py")))
"""Runs a program and writes what it takes to a file, which comes first of its arguments; see there."""


class CommandError(CnncompressError):
    """A command that is measured failed, or made other files than it should."""


@dataclass(frozen=True)
class Run:
    """One run of a program.

    Attributes:
        seconds: Its start included.
        output: What it wrote to standard output; bytes that are not text are replaced.
        peak_mib: Most memory that it held, in MiB; None where that is not known.
    """

    seconds: float
    output: str
    peak_mib: float | None = None


def timed(command: Sequence[str]) -> Run:
    """Runs a program to its end, and does not look at its memory.

    Args:
        command: ``python``, ``-m``, the module, and its arguments.

    Raises:
        CommandError: It failed.
    """
    return _finished(command, command)


def watched(command: Sequence[str]) -> Run:
    """Runs a program to its end below another one that tells its memory, and whose start counts; else as `timed`."""
    if sys.platform == "win32":
        return timed(command)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "cost.json")
        run = _finished((*TIMED_COMMAND, str(report), *command), command)
        return replace(run, peak_mib=json.loads(report.read_text())["peak_mib"])


def _finished(command: Sequence[str], named: Sequence[str]) -> Run:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise CommandError(f"{' '.join(named[2:4])} failed with exit code {done.returncode}: {last[0]}")
    return Run(seconds, done.stdout)
