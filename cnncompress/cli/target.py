"""Refuses an output that cannot be written, before the work."""

from __future__ import annotations

import sys

import click

from cnncompress.cli.endings import working_on
from cnncompress.files import STANDARD_STREAM, check_output


def check_target(target: str, *, source: str, force: bool) -> None:
    """Checks an OUTPUT argument.

    Raises:
        click.UsageError: it is standard output, which is a terminal, and ``force`` is not set.
        FileError: it exists already, or cannot be written.
    """
    if target == STANDARD_STREAM and not force and sys.stdout is not None and sys.stdout.isatty():
        raise click.UsageError("Standard output is a terminal; redirect it, or use -f to write to it all the same.")
    with working_on(target):
        check_output(target, force=force, source=source)
