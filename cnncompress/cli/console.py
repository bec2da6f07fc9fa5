"""Messages on standard error, plain tables, and a standard output that is reserved for data.

Messages are coloured unless ``NO_COLOR`` is set (no-color.org); ``FORCE_COLOR`` colours them without a terminal too.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Literal

import click

from cnncompress.cli.terminal import columns
from cnncompress.remote import without_secrets

PROGRAM = "cnncompress"

Kind = Literal["error", "warning", "note"]

_COLOURS: dict[str, str] = {"error": "red", "warning": "yellow"}


def say(kind: Kind, text: str) -> None:
    """Writes one line to standard error, prefixed with the name of the program.

    Args:
        kind: Kind of message, which decides its colour.
        text: The message; credentials in URLs are left out.
    """
    coloured = kind in _COLOURS and _wanted()
    name = click.style(PROGRAM, fg=_COLOURS[kind], bold=True) if coloured else PROGRAM
    click.echo(f"{name}: {printable(without_secrets(text))}", err=True, color=coloured)


def printable(text: str) -> str:
    """Returns the text with control characters escaped, which could break the line or control the terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _wanted() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def open_missing_streams() -> None:
    """Opens the null device in place of standard streams that the process was started without.

    Otherwise the next file would get the descriptor, and what libraries write to standard error would go into it.
    Standard input and output stay None, so that their use is an error; messages go nowhere.
    """
    with contextlib.suppress(OSError):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(descriptor, True)
        os.close(descriptor)
        if sys.stderr is None:
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open as long as the process


def reserve_standard_output() -> None:
    """Reserves standard output for ``sys.stdout``; output of libraries goes to standard error.

    Some libraries print from native code and bypass ``sys.stdout``, so the file descriptors are changed. Does nothing
    if the process has no such descriptors.
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
            open(private, "wb"),  # noqa: SIM115 - open as long as the process
            encoding=stdout.encoding,
            errors=stdout.errors,
            line_buffering=bool(stdout.line_buffering),
        )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Formats rows of equal length as left-aligned columns, without trailing spaces."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def fitting_table(rows: Sequence[Sequence[str]]) -> str:
    """Formats rows as `table` does; on a terminal that is too narrow, each row becomes a list of headings and values.

    Args:
        rows: The headings, and the rows.
    """
    text = table(rows)
    if not sys.stdout.isatty() or max(map(len, text.splitlines())) <= columns(sys.stdout):
        return text
    headings, *others = rows
    return "\n\n".join(table(list(zip(headings, row, strict=True))) for row in others)
