"""Reads inputs and writes outputs: ``-`` is a standard stream, and an output is written completely or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeAlias

from cnncompress import remote
from cnncompress.errors import LimitExceeded, OutputError, OutputExists, UnreadableImage
from cnncompress.units import format_bytes

STANDARD_STREAM = "-"
_CHECKED_BYTES = 4096
EXISTS_ALREADY = "exists already; -f replaces it"

FileSource: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str]
"""A file as an argument of the Python interface: its bytes, or its path."""

# Keeps the temporary name below the usual limit of 255 bytes for any characters.
_MAX_NAME_CHARACTERS = 50
# On Windows a file that another program has open cannot be replaced: number of attempts, and the pause between them.
_REPLACE_ATTEMPTS = 5
_REPLACE_PAUSE_SECONDS = 0.1


def reason(error: Exception) -> str:
    """Returns the system's description of an error, without the file name."""
    text = str(getattr(error, "strerror", None) or error)
    return text[:1].lower() + text[1:]


@contextlib.contextmanager
def open_input(source: str | Path) -> Iterator[IO[bytes]]:
    """Opens a file for reading in the body.

    Args:
        source: A path or, as a string, a URL; the string ``-`` is standard input.

    Raises:
        UnreadableImage: The file does not exist or cannot be read.
    """
    if isinstance(source, str) and remote.is_url(source):
        yield io.BytesIO(remote.read(source))
        return
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
        UnreadableImage: The file does not exist or cannot be read.
    """
    with open_input(source) as stream:
        return stream.read()


@contextlib.contextmanager
def local_input(source: str) -> Iterator[str]:
    """Provides the path of a file for the body: the path itself, or that of a temporary copy for a URL.

    Raises:
        UnreadableImage: The object does not exist or cannot be read.
    """
    if remote.is_url(source):
        with remote.local_copy(source) as path:
            yield str(path)
    else:
        yield source


def read_once(source: str, check: Callable[[bytes], None], limit: int) -> bytes:
    """Returns the bytes of standard input, a device or a pipe, but not all of them if they are not what is wanted.

    Args:
        source: A path, or ``-`` for standard input.
        check: Is given the first bytes, and raises an error if they are not what is wanted.
        limit: The most bytes that are read.

    Raises:
        UnreadableImage: The file does not exist or cannot be read.
        LimitExceeded: There are more bytes.
    """
    with open_input(source) as stream:
        start = stream.read(_CHECKED_BYTES)
        check(start)
        data = start + stream.read(max(limit + 1 - len(start), 0))
    if len(data) > limit:
        raise LimitExceeded(f"more than the {format_bytes(limit)} of the memory limit")
    return data


def whole_file(source: FileSource) -> memoryview:
    """Returns the bytes of a file that is an argument of the Python interface.

    Raises:
        TypeError: The argument is neither bytes nor a path.
        UnreadableImage: The file does not exist or cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        with open_input(Path(source)) as stream:
            return memoryview(stream.read())
    try:
        return memoryview(source).cast("B")
    except TypeError:
        raise TypeError(f"a file is given as {type(source).__name__}, expected its bytes or its path") from None


def file_status(source: str) -> os.stat_result | None:
    """Returns the status of an input; None for standard input, devices, pipes, sockets and URLs.

    Args:
        source: A path, or ``-`` for standard input.

    Raises:
        UnreadableImage: The file does not exist or cannot be accessed.
    """
    if remote.is_url(source):
        return None
    try:
        return None if source == STANDARD_STREAM or is_special(Path(source)) else Path(source).stat()
    except (OSError, ValueError) as error:
        raise UnreadableImage(reason(error)) from error


def file_size(path: str) -> int | None:
    """Returns the size of a file in bytes; None if it does not exist.

    Raises:
        UnreadableImage: The path is a folder or cannot be accessed.
    """
    if remote.is_url(path):
        return remote.size(path)
    try:
        status = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UnreadableImage(reason(error)) from error
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableImage("is a folder")
    return status.st_size


def check_output(target: str, *, force: bool, source: str | None = None, new_folders: bool = False) -> None:
    """Checks before the work whether its output can be written.

    Args:
        target: A path, or ``-`` for standard output.
        force: Whether an existing file may be replaced.
        source: The input, which must not be the same file.
        new_folders: Whether missing folders will be created.

    Raises:
        OutputExists: The file exists, and ``force`` is not set.
        OutputError: The folder does not exist or is not writable, or the output is a folder or the input itself.
    """
    if target == STANDARD_STREAM:
        if sys.stdout is None:
            raise OutputError("standard output is closed")
        return
    if remote.is_url(target):
        if target == source:
            raise OutputError("is the input itself")
        remote.refuse_existing(target, force=force)
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
    """Writes an output completely or not at all: to a temporary file in its folder, which is then renamed.

    A device or a pipe is written to directly. A symbolic link is replaced by the file, as by ``mv``; the file that it
    points to is not changed.

    Args:
        target: A path or URL, or ``-`` for standard output.
        data: Contents of the file.
        force: Whether an existing file may be replaced.
        like: Status to copy permissions, access time and modification time from; None for those of a new file.
        new_folders: Whether missing folders are created.
        durable: Whether the file name is also synchronised to the disk before this returns; the data always is.

    Raises:
        OutputExists: The file exists, and ``force`` is not set.
        OutputError: The output cannot be written; no partial file is left.
        BrokenPipeError: The reader of standard output has closed it.
    """
    if remote.is_url(target):
        remote.write(target, data, force=force)
        return
    with _output_errors():
        path = Path(target)
        if target == STANDARD_STREAM:
            if sys.stdout is None:
                raise OutputError("standard output is closed")
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        elif is_stream(path):
            with path.open("ab") as stream:  # append, as an open descriptor may be a file with earlier contents
                stream.write(data)
        else:
            with _whole_file(path, force, like, new_folders, durable) as stream:
                stream.write(data)


@contextlib.contextmanager
def open_output(target: str, *, force: bool, new_folders: bool = False) -> Iterator[IO[bytes]]:
    """Opens a stream whose contents become a file once the body has ended, completely or not at all.

    Args:
        target: A path or URL.
        force: Whether an existing file may be replaced.
        new_folders: Whether missing folders are created.

    Raises:
        OutputExists: The file exists, and ``force`` is not set.
        OutputError: The output cannot be written; no partial file is left.
    """
    if remote.is_url(target):
        with remote.written_at_end(target, force=force) as path, _output_errors(), path.open("wb") as stream:
            yield stream
        return
    with _output_errors(), _whole_file(Path(target), force, None, new_folders, False) as stream:
        yield stream


def copy_file(source: str, target: str, *, force: bool, like: os.stat_result | None = None) -> int:
    """Copies a file completely or not at all, and creates missing folders.

    Args:
        source: Path of the file.
        target: Path of the copy.
        force: Whether an existing file may be replaced.
        like: Status to copy permissions and times from, as for `write_output`.

    Returns:
        Size of the file in bytes.

    Raises:
        UnreadableImage: The source cannot be opened.
        OutputExists: The target exists, and ``force`` is not set.
        OutputError: The copy cannot be written; no partial file is left.
    """
    with (
        open_input(Path(source)) as original,
        _output_errors(),
        _whole_file(Path(target), force, like, True, False) as stream,
    ):
        shutil.copyfileobj(original, stream)
        return stream.tell()


def is_special(path: Path) -> bool:
    """Checks whether a path is a device, pipe or socket."""
    return path.exists() and not path.is_file() and not path.is_dir()


def is_stream(path: Path) -> bool:
    """Checks whether a path is a device, pipe, socket or open descriptor, to be written to directly."""
    if is_special(path):
        return True
    # /dev/stdout and similar links are names of open descriptors, and must not be replaced by a file.
    folder = path.parent.resolve()
    return path.is_symlink() and (folder == Path("/dev") or Path("/proc") in folder.parents)


def part_path(path: Path, process: int) -> Path:
    """Returns the path of the temporary file that becomes an output.

    Args:
        path: Path of the output.
        process: Id of the process that writes it.
    """
    name = path.name
    if len(name) > _MAX_NAME_CHARACTERS:  # names with the same beginning may be written at the same time
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
    # Left by a killed process with the same id, which is common in containers.
    part.unlink(missing_ok=True)
    # The mode is 0666 minus the umask, as for any new file; tempfile would use 0600.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with open(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
        if like is not None:
            part.chmod(stat.S_IMODE(like.st_mode) & 0o777)
            os.utime(part, ns=(like.st_atime_ns, like.st_mtime_ns))
        if force:
            _replace(part, path)
        else:
            _put(part, path)
        if durable:
            _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _put(part: Path, path: Path) -> None:
    """Gives a file its name, unless another process has given the name to a file meanwhile."""
    _check_free(path, False)
    try:
        os.link(part, path)  # fails where the name exists, which renaming does not
    except FileExistsError:
        raise OutputExists(EXISTS_ALREADY) from None
    except (OSError, NotImplementedError, AttributeError):  # a file system without hard links
        _replace(part, path)
    else:
        part.unlink()


def _replace(part: Path, path: Path) -> None:
    for _ in range(_REPLACE_ATTEMPTS - 1 if os.name == "nt" else 0):
        with contextlib.suppress(PermissionError):  # a viewer or virus scanner has the file open
            part.replace(path)
            return
        time.sleep(_REPLACE_PAUSE_SECONDS)
    part.replace(path)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot synchronise folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_free(path: Path, force: bool) -> None:
    try:
        path.lstat()  # a dangling link exists too
    except (FileNotFoundError, NotADirectoryError):
        return
    if not force:
        raise OutputExists(EXISTS_ALREADY)


def _is_same_file(path: Path, source: str) -> bool:
    if source == STANDARD_STREAM or not path.exists() or not Path(source).exists():
        return False
    return path.samefile(source)
