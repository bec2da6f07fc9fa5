"""Inputs and outputs: ``-`` is a standard stream, and an output appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from cnncompress.errors import OutputError, OutputExists, UnreadableImage

STANDARD_STREAM = "-"

# So that the temporary name stays below the usual limit of 255 bytes, whatever the characters.
_MAX_NAME_CHARACTERS = 50


def reason(error: Exception) -> str:
    """Returns what the system says about an error, without the file's name."""
    text = str(getattr(error, "strerror", None) or error)
    return text[:1].lower() + text[1:]


def read_input(source: str) -> bytes:
    """Returns the bytes of a file, or of standard input for ``-``.

    Raises:
        UnreadableImage: it does not exist or cannot be read.
    """
    try:
        if source != STANDARD_STREAM:
            return Path(source).read_bytes()
        if sys.stdin is None:
            raise UnreadableImage("standard input is closed")
        return sys.stdin.buffer.read()
    except (OSError, ValueError) as error:
        raise UnreadableImage(reason(error)) from error


def check_output(target: str, *, force: bool, source: str | None = None) -> None:
    """Finds out before the work whether an output could be written after it.

    Args:
        target: a path, or ``-`` for standard output.
        force: whether an existing file may be replaced.
        source: the input, which must not be the same file.

    Raises:
        OutputExists: there is such a file, and ``force`` is not set.
        OutputError: no such folder, or no permission to write there.
    """
    if target == STANDARD_STREAM:
        if sys.stdout is None:
            raise OutputError("standard output is closed")
        return
    try:
        path = Path(target)
        if path.is_dir():
            raise OutputError("is a folder")
        if _is_special(path):
            return
        if source is not None and _is_same_file(path, source):
            raise OutputError("is the input itself")
        _check_free(path, force)
        folder = path.resolve().parent
        if not folder.is_dir():
            raise OutputError(f"no such folder: {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"no permission to write in {folder}")
    except (OSError, ValueError, RuntimeError) as error:
        raise OutputError(reason(error)) from error


def write_output(target: str, data: bytes, *, force: bool) -> None:
    """Writes a whole output: a new file in its folder first, then renamed to the name asked for.

    A device or a pipe is written to as it is. A link stays, and what it points to is replaced.

    Args:
        target: a path, or ``-`` for standard output.
        data: all of it.
        force: whether an existing file may be replaced.

    Raises:
        OutputExists: there is such a file, and ``force`` is not set.
        OutputError: it cannot be written; nothing is left behind.
        BrokenPipeError: nobody reads standard output any more.
    """
    try:
        path = Path(target)
        if target == STANDARD_STREAM:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        elif _is_special(path):
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data, force)
    except BrokenPipeError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        raise OutputError(reason(error)) from error


def _replace(path: Path, data: bytes, force: bool) -> None:
    part = path.with_name(f".{path.name[:_MAX_NAME_CHARACTERS]}.{os.getpid()}.part")
    # Left by a killed process that had the same number, which is common in containers.
    part.unlink(missing_ok=True)
    # The mode is 0666 less the umask, as for any new file; tempfile would make it private.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        _check_free(path, force)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _check_free(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise OutputExists("exists already; -f replaces it")


def _is_same_file(path: Path, source: str) -> bool:
    if source == STANDARD_STREAM or not path.exists() or not Path(source).exists():
        return False
    return path.samefile(source)


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()
