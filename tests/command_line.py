"""Runs of the command ``cnncompress``."""

from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner, Result

from cnncompress.cli.main import program

COMMAND = [sys.executable, "-m", "cnncompress"]
"""Runs it in a process of its own."""


def run(*args: object, data: bytes | None = None, **variables: str) -> Result:
    """Runs it in this process; keywords are environment variables."""
    return CliRunner().invoke(program, list(map(str, args)), input=data, prog_name="cnncompress", env=variables)


def spawn(*args: object, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Runs it in a process of its own."""
    return subprocess.run([*COMMAND, *map(str, args)], input=data, capture_output=True, check=False)
