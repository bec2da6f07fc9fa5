"""The terminal of standard error: whether it is one, its abilities, and a temporary status line."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO

import click

NARROW = 60
"""Terminals with fewer columns than this get short texts."""

DUMB_SECONDS = 10.0
"""Time between two lines of progress on a terminal that cannot rewrite a line."""

_USUAL_COLUMNS = 80
_PAUSE_SECONDS = 0.1


def is_terminal() -> bool:
    """Returns whether standard error is a terminal."""
    return sys.stderr.isatty()


def can_rewrite() -> bool:
    """Returns whether a line on standard error can be replaced by another one; not so where ``TERM`` is ``dumb``."""
    return os.environ.get("TERM") != "dumb"


def columns(stream: IO[str] | None = None) -> int:
    """Returns the width of the terminal behind a stream, 80 if it is unknown; by default behind standard error."""
    try:
        return os.get_terminal_size((stream or sys.stderr).fileno()).columns or _USUAL_COLUMNS
    except (OSError, ValueError):
        return _USUAL_COLUMNS


@contextlib.contextmanager
def status(*, shown: bool) -> Iterator[Callable[[str], None]]:
    """Shows what is going on while the body runs, in a line that is removed at the end.

    Args:
        shown: Whether to show anything.

    Yields:
        A function that replaces the line; it may be called any number of times.
    """
    if not shown:
        yield lambda text: None
        return
    rewrites = can_rewrite()
    pause = _PAUSE_SECONDS if rewrites else DUMB_SECONDS
    due = 0.0 if rewrites else time.monotonic() + pause

    def show(text: str) -> None:
        nonlocal due
        now = time.monotonic()
        if now < due:
            return
        due = now + pause
        if rewrites:
            click.echo(f"\r{text[: columns() - 1]}\x1b[K", err=True, nl=False, color=True)
        else:
            click.echo(text, err=True)

    try:
        yield show
    finally:
        if rewrites:
            click.echo("\r\x1b[K", err=True, nl=False, color=True)
