"""Runs of the command that need no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import Result
from command_line import run


def compress(*args: str | Path, **variables: Any) -> Result:
    """Compresses without loss."""
    return run("compress", "--lossless", *args, **variables)


def names(folder: Path) -> list[str]:
    """All files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
