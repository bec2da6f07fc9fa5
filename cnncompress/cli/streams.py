"""Keeps standard output for data."""

from __future__ import annotations

import contextlib
import io
import os
import sys


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
