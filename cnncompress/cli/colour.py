"""Lines on standard error, coloured as NO_COLOR (no-color.org) and FORCE_COLOR want them."""

from __future__ import annotations

import os
import sys
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
