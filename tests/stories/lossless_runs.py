"""Runs of the command that need no model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from cnncompress.cli.main import program

COMMAND = [sys.executable, "-m", "cnncompress"]


def run(*args: str | Path, data: bytes | None = None, **variables: str) -> Result:
    """Runs a command in this process; keywords are environment variables."""
    arguments = [str(arg) for arg in args]
    return CliRunner().invoke(program, arguments, input=data, prog_name="cnncompress", env=variables)


def compress(*args: str | Path, **variables: Any) -> Result:
    """Compresses without loss."""
    return run("compress", "--lossless", *args, **variables)


def names(folder: Path) -> list[str]:
    """All files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
