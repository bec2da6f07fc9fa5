"""Translates exceptions to messages and exit codes. No other module does that."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import click

from cnncompress.cli.console import say
from cnncompress.errors import CnncompressError, DeviceError, OutputError
from cnncompress.files.kinds import STANDARD_STREAM, reason

INTERRUPTED_EXIT_CODE = 130
BROKEN_PIPE_EXIT_CODE = 141


class FileError(Exception):
    """An error together with the file that it is about.

    Attributes:
        file: Path of the file.
        error: The error.
    """

    def __init__(self, file: str, error: CnncompressError) -> None:
        super().__init__(file, error)
        self.file = file
        self.error = error


@contextlib.contextmanager
def working_on(file: str) -> Iterator[None]:
    """Attaches a file name to errors raised in the body.

    Raises:
        FileError: The body raised an error other than `DeviceError`.
    """
    try:
        yield
    except DeviceError:  # is not about the file
        raise
    except CnncompressError as error:
        raise FileError(file, error) from error


@contextlib.contextmanager
def exit_codes() -> Iterator[None]:
    """Turns errors raised in the body into a message of one line and an exit code.

    Unexpected exceptions pass, with their traceback.

    Raises:
        click.exceptions.Exit: The body raised an error, or was interrupted.
    """
    try:
        yield
    except FileError as failure:
        print_error(failure.error, failure.file)
        raise click.exceptions.Exit(failure.error.exit_code) from failure
    except CnncompressError as error:
        print_error(error)
        raise click.exceptions.Exit(error.exit_code) from error
    except KeyboardInterrupt as interrupt:
        raise click.exceptions.Exit(exit_code_of(interrupt)) from None
    except BrokenPipeError as broken:
        _close_standard_output()
        raise click.exceptions.Exit(exit_code_of(broken)) from None
    except OSError as error:
        if not _standard_output_is_full():
            raise
        print_error(OutputError(reason(error)), STANDARD_STREAM)
        raise click.exceptions.Exit(OutputError.exit_code) from error
    finally:
        if _standard_output_is_full():  # buffered data may still fail to be written
            _close_standard_output()


def exit_code_of(end: KeyboardInterrupt | BrokenPipeError | SystemExit) -> int:
    """Returns the exit code for an interruption or a closed pipe."""
    if isinstance(end, KeyboardInterrupt):
        return INTERRUPTED_EXIT_CODE
    if isinstance(end, BrokenPipeError):
        return BROKEN_PIPE_EXIT_CODE
    return end.code if isinstance(end.code, int) else 1


def print_error(error: CnncompressError, file: str | None = None) -> None:
    """Writes a message of one line about an error to standard error.

    Args:
        error: The error.
        file: File that the error is about, if any.
    """
    say("error", str(error) if file is None else f"{file}: {error}")


def _standard_output_is_full() -> bool:
    try:
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except BrokenPipeError:
        return False
    except OSError:
        return True
    return False


def _close_standard_output() -> None:
    # Python flushes standard output once more when it exits, which would fail again and change the exit code.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
