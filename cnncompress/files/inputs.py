"""Reads inputs: paths, URLs, and ``-`` for standard input."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeAlias, TypeGuard, cast

from cnncompress import remote
from cnncompress.errors import LimitExceeded, UnreadableImage
from cnncompress.files.kinds import STANDARD_STREAM, is_special, reason
from cnncompress.units import format_bytes

FileSource: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str] | IO[bytes]
"""A file as an argument of the Python interface: its bytes, its path, or a binary stream of it."""

_CHECKED_BYTES = 4096


@contextlib.contextmanager
def open_input(source: str | Path, limit: int | None = None) -> Iterator[IO[bytes]]:
    """Opens a file for reading in the body.

    Args:
        source: A path or, as a string, a URL; the string ``-`` is standard input.
        limit: The most bytes that an object may have, which is read into memory; None for any number.

    Raises:
        UnreadableImage: The file does not exist or cannot be read; raised by opening and reading, and not for what the
            body does besides.
        LimitExceeded: An object has more bytes.
    """
    if isinstance(source, str) and remote.is_url(source):
        yield io.BytesIO(remote.read(source, limit))
    elif source != STANDARD_STREAM:
        with _input_errors():
            stream = Path(source).open("rb")  # noqa: SIM115 - closed below; errors of the body are not translated
        with stream:
            yield cast("IO[bytes]", _Input(stream))
    elif sys.stdin is None:
        raise UnreadableImage("standard input is closed")
    else:
        yield cast("IO[bytes]", _Input(sys.stdin.buffer))


class _Input(io.BufferedIOBase):
    """A file whose errors are those of an input."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        with _input_errors():
            return self._stream.read(-1 if size is None else size)

    def seekable(self) -> bool:
        return self._stream.seekable()

    def seek(self, position: int, whence: int = os.SEEK_SET, /) -> int:
        with _input_errors():
            return self._stream.seek(position, whence)

    def tell(self) -> int:
        with _input_errors():
            return self._stream.tell()


@contextlib.contextmanager
def _input_errors() -> Iterator[None]:
    try:
        yield
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
    """Returns the bytes of what can be read only once, but not all of them if they are not what is wanted.

    Args:
        source: Path of a device or a pipe, ``-`` for standard input, or a URL, whose object is read as a whole.
        check: Is given the first bytes, and raises an error if they are not what is wanted.
        limit: The most bytes that are read.

    Raises:
        UnreadableImage: The file does not exist or cannot be read.
        LimitExceeded: There are more bytes.
    """
    with open_input(source, limit) as stream:
        start = stream.read(_CHECKED_BYTES)
        check(start)
        data = start + stream.read(max(limit + 1 - len(start), 0))
    if len(data) > limit:
        raise LimitExceeded(f"more than the {format_bytes(limit)} of the memory limit")
    return data


def whole_file(source: FileSource) -> memoryview:
    """Returns the bytes of a file that is an argument of the Python interface.

    Raises:
        TypeError: The argument is neither bytes, a path nor a binary stream.
        UnreadableImage: The file does not exist or cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        with open_input(Path(source)) as stream:
            return memoryview(stream.read())
    if is_file_object(source):
        return memoryview(from_beginning(source).read())
    try:
        return memoryview(source).cast("B")  # type: ignore[arg-type]
    except TypeError:
        given = type(source).__name__
        raise TypeError(f"a file is given as {given}, expected its bytes, its path or a binary stream") from None


def is_file_object(source: object) -> TypeGuard[IO[bytes]]:
    """Checks whether an argument is a file object, which `from_beginning` takes."""
    return hasattr(source, "read") and hasattr(source, "seekable")


def from_beginning(stream: IO[bytes]) -> IO[bytes]:
    """Returns a stream at its beginning, as `PIL.Image.open` does with streams.

    Args:
        stream: A binary stream. If it cannot seek, as a pipe or an HTTP response, its bytes are read into memory.

    Raises:
        TypeError: The stream is of text.
        UnreadableImage: It cannot be read.
    """
    try:
        if not isinstance(stream.read(0), bytes):
            raise TypeError("a stream of text is given, expected a binary one")
        if not stream.seekable():
            return io.BytesIO(stream.read())
        stream.seek(0)
    except OSError as error:
        raise UnreadableImage(reason(error)) from error
    return stream


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
    """Returns the size of a file in bytes; None if it does not exist. Errors as for `file_facts`."""
    facts = file_facts(path)
    return None if facts is None else facts.size


def file_facts(path: str) -> remote.Facts | None:
    """Returns the size of a file or object, and what tells it from another of its name; None if it does not exist.

    Of files this is the time of the last change in whole seconds, as not all copies keep more of it.

    Raises:
        UnreadableImage: The path is a folder or cannot be accessed.
    """
    if remote.is_url(path):
        return remote.facts(path)
    try:
        status = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UnreadableImage(reason(error)) from error
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableImage("is a folder")
    return remote.Facts(status.st_size, str(status.st_mtime_ns // 10**9))
