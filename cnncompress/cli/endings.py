"""From exceptions to messages and exit codes: the only place that knows both."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import click

from cnncompress.errors import CnncompressError, DeviceError

INTERRUPTED_EXIT_CODE = 130
BROKEN_PIPE_EXIT_CODE = 141


class FileError(Exception):
    """An error, and the file that the command was at work on."""

    def __init__(self, file: str, error: CnncompressError) -> None:
        super().__init__(file, error)
        self.file = file
        self.error = error


@contextlib.contextmanager
def working_on(file: str) -> Iterator[None]:
    """Puts the name of a file to the errors that are raised inside."""
    try:
        yield
    except DeviceError:  # has nothing to do with the file
        raise
    except CnncompressError as error:
        raise FileError(file, error) from error


@contextlib.contextmanager
def exit_codes() -> Iterator[None]:
    """Ends the command with one line and an exit code, where it would end with a traceback.

    Unexpected exceptions pass, with their traceback.
    """
    try:
        yield
    except FileError as failure:
        complain(failure.error, failure.file)
        raise click.exceptions.Exit(failure.error.exit_code) from failure
    except CnncompressError as error:
        complain(error)
        raise click.exceptions.Exit(error.exit_code) from error
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED_EXIT_CODE) from None
    except BrokenPipeError:
        _close_standard_output()
        raise click.exceptions.Exit(BROKEN_PIPE_EXIT_CODE) from None


def complain(error: CnncompressError, file: str | None = None) -> None:
    """Writes one line about an error to standard error."""
    parts = ["cnncompress", *([] if file is None else [file]), str(error)]
    click.echo(printable(": ".join(parts)), err=True)


def printable(text: str) -> str:
    """Returns the text with everything escaped that could break the line or steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _close_standard_output() -> None:
    # Python flushes standard output once more at its end, which would fail again and set another exit code.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
