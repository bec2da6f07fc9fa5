"""Writes outputs, each completely or not at all: paths, URLs, and ``-`` for standard output."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from cnncompress import remote
from cnncompress.errors import EXISTS_ALREADY, OutputError, OutputExists
from cnncompress.files.inputs import open_input
from cnncompress.files.kinds import STANDARD_STREAM, is_stream, reason

# Keeps the temporary name below the usual limit of 255 bytes for any characters.
_MAX_NAME_CHARACTERS = 50
# On Windows a file that another program has open cannot be replaced: number of attempts, and the pause between them.
_REPLACE_ATTEMPTS = 5
_REPLACE_PAUSE_SECONDS = 0.1


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
        OutputError: The output cannot be written; no partial file is left. Raised by opening, writing and closing, and
            not for what the body does besides.
    """
    if remote.is_url(target):
        with remote.written_at_end(target, force=force) as path:
            with _output_errors():
                stream = path.open("wb")
            with stream:
                yield cast("IO[bytes]", _Output(stream))
                with _output_errors():
                    stream.flush()
        return
    with _whole_file(Path(target), force, None, new_folders, False) as whole:
        yield whole


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
        UnreadableImage: The source cannot be read.
        OutputExists: The target exists, and ``force`` is not set.
        OutputError: The copy cannot be written; no partial file is left.
    """
    with open_input(Path(source)) as original, _whole_file(Path(target), force, like, True, False) as stream:
        shutil.copyfileobj(original, stream)
        return stream.tell()


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


def remove_part(target: str, process: int) -> None:
    """Removes the temporary file of an output that a process has not finished, if there is one.

    Args:
        target: Path or URL of the output, ``-`` for standard output, or empty.
        process: Id of the process, which has ended or is to end.
    """
    if target in ("", STANDARD_STREAM) or remote.is_url(target):
        return
    with contextlib.suppress(OSError, ValueError):
        part_path(Path(target), process).unlink(missing_ok=True)


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
    with _output_errors():
        if new_folders:
            path.parent.mkdir(parents=True, exist_ok=True)
        part = part_path(path, os.getpid())
        # Left by a killed process with the same id, which is common in containers.
        part.unlink(missing_ok=True)
        # The mode is 0666 minus the umask, as for any new file; tempfile would use 0600.
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        stream = open(descriptor, "wb")  # noqa: SIM115 - closed below; errors of the body are not translated
    try:
        yield cast("IO[bytes]", _Output(stream))
        with _output_errors():
            stream.flush()
            os.fsync(descriptor)
            stream.close()
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
            stream.close()
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


class _Output(io.BufferedIOBase):
    """A file whose errors are those of an output."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        with _output_errors():
            return self._stream.write(data)

    def tell(self) -> int:
        with _output_errors():
            return self._stream.tell()


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
