"""From exceptions to messages and exit codes: the only place that knows both."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import click

from cnncompress.cli.console import say
from cnncompress.errors import CnncompressError, DeviceError, OutputError
from cnncompress.files import STANDARD_STREAM, reason

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
        if _standard_output_is_full():  # of what is still to be written, too
            _close_standard_output()


def exit_code_of(end: KeyboardInterrupt | BrokenPipeError | SystemExit) -> int:
    """Returns the exit code for an end that is nobody's error."""
    if isinstance(end, KeyboardInterrupt):
        return INTERRUPTED_EXIT_CODE
    if isinstance(end, BrokenPipeError):
        return BROKEN_PIPE_EXIT_CODE
    return end.code if isinstance(end.code, int) else 1


def print_error(error: CnncompressError, file: str | None = None) -> None:
    """Writes one line about an error to standard error."""
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
    # Python flushes standard output once more at its end, which would fail again and set another exit code.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
