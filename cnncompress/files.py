"""Inputs and outputs: ``-`` is a standard stream, and an output appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TypeAlias

from cnncompress.errors import OutputError, OutputExists, UnreadableImage

STANDARD_STREAM = "-"

FileSource: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str]
"""A file that a Python program hands over: its bytes, or its path."""

# So that the temporary name stays below the usual limit of 255 bytes, whatever the characters.
_MAX_NAME_CHARACTERS = 50
# How often Windows is asked to replace a file that another program has open, and how long it waits in between.
_REPLACE_ATTEMPTS = 5
_REPLACE_PAUSE_SECONDS = 0.1


def reason(error: Exception) -> str:
    """Returns what the system says about an error, without the file's name."""
    text = str(getattr(error, "strerror", None) or error)
    return text[:1].lower() + text[1:]


@contextlib.contextmanager
def open_input(source: str | Path) -> Iterator[IO[bytes]]:
    """Opens a file for as long as the body runs, which reads it.

    Args:
        source: a path; as a string, ``-`` is standard input.

    Raises:
        UnreadableImage: it does not exist or cannot be read.
    """
    try:
        if source != STANDARD_STREAM:
            with Path(source).open("rb") as stream:
                yield stream
        elif sys.stdin is None:
            raise UnreadableImage("standard input is closed")
        else:
            yield sys.stdin.buffer
    except (OSError, ValueError) as error:
        raise UnreadableImage(reason(error)) from error


def read_input(source: str) -> bytes:
    """Returns the bytes of a file, or of standard input for ``-``.

    Raises:
        UnreadableImage: it does not exist or cannot be read.
    """
    with open_input(source) as stream:
        return stream.read()


def whole_file(source: FileSource) -> memoryview:
    """Returns the bytes of a file that a Python program handed over.

    Raises:
        TypeError: it is neither bytes nor a path.
        UnreadableImage: it does not exist or cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        with open_input(Path(source)) as stream:
            return memoryview(stream.read())
    try:
        return memoryview(source).cast("B")
    except TypeError:
        raise TypeError(f"a file is given as {type(source).__name__}, expected its bytes or its path") from None


def file_status(source: str) -> os.stat_result | None:
    """Returns what the system says about an input; None for standard input, devices and pipes.

    Raises:
        UnreadableImage: it does not exist or cannot be reached.
    """
    try:
        return None if source == STANDARD_STREAM or is_special(Path(source)) else Path(source).stat()
    except (OSError, ValueError) as error:
        raise UnreadableImage(reason(error)) from error


def check_output(target: str, *, force: bool, source: str | None = None, new_folders: bool = False) -> None:
    """Finds out before the work whether an output could be written after it.

    Args:
        target: a path, or ``-`` for standard output.
        force: whether an existing file may be replaced.
        source: the input, which must not be the same file.
        new_folders: whether folders that are not there will be made.

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
        if is_stream(path):
            return
        if source is not None and _is_same_file(path, source):
            raise OutputError("is the input itself")
        _check_free(path, force)
        folder = path.parent.resolve()
        while new_folders and not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            raise OutputError(f"no such folder: {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"no permission to write in {folder}")
    except (OSError, ValueError, RuntimeError) as error:
        raise OutputError(reason(error)) from error


def write_output(
    target: str,
    data: bytes | memoryview,
    *,
    force: bool,
    like: os.stat_result | None = None,
    new_folders: bool = False,
    durable: bool = False,
) -> None:
    """Writes a whole output: a new file in its folder first, then renamed to the name asked for.

    A device or a pipe is written to as it is. A symbolic link is replaced by the file, as by ``mv``: what it points to
    is never touched.

    Args:
        target: a path, or ``-`` for standard output.
        data: all of it.
        force: whether an existing file may be replaced.
        like: what the file's permissions and time of modification are taken from, by default the usual ones.
        new_folders: whether folders that are not there are made.
        durable: whether the name must be on the disk too when this returns, not only the data.

    Raises:
        OutputExists: there is such a file, and ``force`` is not set.
        OutputError: it cannot be written; nothing is left behind.
        BrokenPipeError: nobody reads standard output any more.
    """
    with _output_errors():
        path = Path(target)
        if target == STANDARD_STREAM:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        elif is_stream(path):
            with path.open("ab") as stream:  # what is open here may be a file that goes on
                stream.write(data)
        else:
            with _whole_file(path, force, like, new_folders, durable) as stream:
                stream.write(data)


def copy_file(source: str, target: str, *, force: bool, like: os.stat_result | None = None) -> int:
    """Copies a file, which appears whole or not at all; folders that are not there are made.

    Args:
        source: a path.
        target: a path.
        force: whether an existing file may be replaced.
        like: as for :func:`write_output`.

    Returns:
        Its size in bytes.

    Raises:
        UnreadableImage: the source cannot be opened.
        OutputExists: there is such a file, and ``force`` is not set.
        OutputError: it cannot be written; nothing is left behind.
    """
    with (
        open_input(Path(source)) as original,
        _output_errors(),
        _whole_file(Path(target), force, like, True, False) as stream,
    ):
        shutil.copyfileobj(original, stream)
        return stream.tell()


def is_special(path: Path) -> bool:
    """Whether a path leads to a device, a pipe or a socket."""
    return path.exists() and not path.is_file() and not path.is_dir()


def is_stream(path: Path) -> bool:
    """Whether what is written to a path goes on to somewhere else: to what is special, or open already."""
    if is_special(path):
        return True
    # /dev/stdout and the like: links, but the system's names of files that are open here, and not to be replaced.
    folder = path.parent.resolve()
    return path.is_symlink() and (folder == Path("/dev") or Path("/proc") in folder.parents)


def part_path(path: Path, process: int) -> Path:
    """Returns the name that an output has as long as it is not whole.

    Args:
        path: the output.
        process: number of the process that writes it.
    """
    name = path.name
    if len(name) > _MAX_NAME_CHARACTERS:  # other names may begin alike, and be written at the same time
        name = f"{name[:_MAX_NAME_CHARACTERS]}.{zlib.crc32(os.fsencode(name)):08x}"
    return path.with_name(f".{name}.{process}.part")


@contextlib.contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        raise OutputError(reason(error)) from error


@contextlib.contextmanager
def _whole_file(
    path: Path, force: bool, like: os.stat_result | None, new_folders: bool, durable: bool
) -> Iterator[IO[bytes]]:
    if new_folders:
        path.parent.mkdir(parents=True, exist_ok=True)
    part = part_path(path, os.getpid())
    # Left by a killed process that had the same number, which is common in containers.
    part.unlink(missing_ok=True)
    # The mode is 0666 less the umask, as for any new file; tempfile would make it private.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with open(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
        if like is not None:
            part.chmod(stat.S_IMODE(like.st_mode) & 0o777)
            os.utime(part, ns=(like.st_atime_ns, like.st_mtime_ns))
        _check_free(path, force)
        _replace(part, path)
        if durable:
            _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _replace(part: Path, path: Path) -> None:
    for _ in range(_REPLACE_ATTEMPTS - 1 if os.name == "nt" else 0):
        with contextlib.suppress(PermissionError):  # a viewer or a virus scanner has it open
            part.replace(path)
            return
        time.sleep(_REPLACE_PAUSE_SECONDS)
    part.replace(path)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # has no such thing
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_free(path: Path, force: bool) -> None:
    try:
        path.lstat()  # a link that leads nowhere is there too
    except (FileNotFoundError, NotADirectoryError):
        return
    if not force:
        raise OutputExists("exists already; -f replaces it")


def _is_same_file(path: Path, source: str) -> bool:
    if source == STANDARD_STREAM or not path.exists() or not Path(source).exists():
        return False
    return path.samefile(source)
