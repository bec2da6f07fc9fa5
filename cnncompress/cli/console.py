"""Standard output kept for data, and text for people: lines on standard error, and plain tables.

Lines are coloured as NO_COLOR (no-color.org) and FORCE_COLOR want them.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Literal

import click

PROGRAM = "cnncompress"

Kind = Literal["error", "warning", "note"]

_COLOURS: dict[str, str] = {"error": "red", "warning": "yellow"}


def say(kind: Kind, text: str) -> None:
    """Writes one line to standard error, behind the name of the program.

    Args:
        kind: what it is about.
        text: what there is to say.
    """
    coloured = kind in _COLOURS and _wanted()
    name = click.style(PROGRAM, fg=_COLOURS[kind], bold=True) if coloured else PROGRAM
    click.echo(f"{name}: {printable(text)}", err=True, color=coloured)


def printable(text: str) -> str:
    """Returns the text with everything escaped that could break the line or steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _wanted() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def reserve_standard_output() -> None:
    """Lets ``sys.stdout`` alone write to standard output; what libraries print goes to standard error.

    Some of them print from native code, where Python's ``sys.stdout`` does not count. Does nothing where there are no
    such files.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stdout = sys.stdout
        if stdout.fileno() != 1:
            return
        private = os.dup(1)
        try:
            os.dup2(2, 1)
        except OSError:  # standard error is closed
            os.close(private)
            raise
        stdout.flush()
        sys.stdout = io.TextIOWrapper(
            open(private, "wb"),  # noqa: SIM115 - as long as the process
            encoding=stdout.encoding,
            errors=stdout.errors,
            line_buffering=bool(stdout.line_buffering),
        )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lays out rows of equal length in columns, left-aligned, without trailing blanks."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
