"""Objects in object storage and on web servers, by URL, through fsspec.

Objects are read and written as a whole. What fails for a moment is tried again, after pauses that grow. Credentials
come from where the driver of the storage looks for them; what URLs have of them is kept out of messages.
"""

from __future__ import annotations

import contextlib
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit, urlunsplit

from cnncompress.errors import (
    EXISTS_ALREADY,
    CnncompressError,
    LimitExceeded,
    MissingPackage,
    OutputError,
    OutputExists,
    UnreadableImage,
)
from cnncompress.units import format_bytes

_Answer = TypeVar("_Answer")

_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.5

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.ASCII)
_IN_TEXT = re.compile(
    r"""([a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^/\s"'@]*@)?([^\s"'?#]*)(?:[?#][^\s"'\\]*?(?=:?(?:[\s"'\\]|$)))?""", re.ASCII
)

# Errors that another attempt does not change. Some drivers raise them, others errors with a status of HTTP.
_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError, ValueError, TypeError)
_LASTING_NAMES = ("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "NoSuchBucket")
_TOO_MANY_REQUESTS, _SERVER_ERRORS = 429, 500


# How drivers call what changes with the contents of an object, or else its time; the best first.
_VERSIONS = (
    "ETag", "etag", "Content-MD5", "LastModified", "last_modified", "Last-Modified", "updated", "mtime", "created",
)  # fmt: skip


class Facts(NamedTuple):
    """What a file system says of a file or an object.

    Attributes:
        size: Size in bytes.
        version: Differs between two files of one name and size: an ETag, or the time of the last change; empty if
            there is neither.
    """

    size: int
    version: str


def is_url(name: str) -> bool:
    """Checks whether a name is a URL, such as ``s3://bucket/photo.jpg``, and not a path."""
    return _URL.match(name) is not None


def without_secrets(text: str) -> str:
    """Returns a text whose URLs have neither user and password nor a query, where signatures are."""
    return _IN_TEXT.sub(r"\1\2", text) if "://" in text else text


def plain_url(url: str) -> str:
    """Returns a URL without what is no part of the object's name: the query of a web address."""
    if not url.startswith(("http://", "https://")):
        return url
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def read(url: str, limit: int | None = None) -> bytes:
    """Returns the bytes of an object.

    Args:
        url: URL of the object.
        limit: The most bytes that it may have; None for any number, which saves a request.

    Raises:
        UnreadableImage: It does not exist, or cannot be read.
        LimitExceeded: It is longer; then it is not read.
        MissingPackage: The driver of its storage is not installed.
    """

    def ask(system: Any, path: str) -> bytes | None:
        if limit is None:
            return bytes(system.cat_file(path))
        size = system.info(path)["size"]
        if size is not None:
            return bytes(system.cat_file(path)) if size <= limit else None
        parts, left = [], limit + 1  # some web servers do not say how long a file is
        with system.open(path, "rb") as stream:
            while left > 0 and (part := stream.read(left)):
                parts.append(part)
                left -= len(part)
        return b"".join(parts) if left > 0 else None

    data = _tried(url, UnreadableImage, ask)
    if data is None:
        raise LimitExceeded(f"more than the {format_bytes(limit or 0)} that may be in memory")
    return data


def facts(url: str) -> Facts | None:
    """Returns size and version of an object; None if it does not exist.

    Raises:
        UnreadableImage: The storage cannot be asked.
        MissingPackage: Its driver is not installed.
    """

    def ask(system: Any, path: str) -> Facts | None:
        try:
            info = system.info(path)
        except FileNotFoundError:
            return None
        return Facts(int(info["size"] or 0), next((str(info[name]) for name in _VERSIONS if info.get(name)), ""))

    return _tried(url, UnreadableImage, ask)


def write(url: str, data: bytes | memoryview, *, force: bool) -> None:
    """Writes an object, which appears whole or not at all.

    Args:
        url: URL of the object.
        data: Its contents.
        force: Whether an object of that name may be replaced.

    Raises:
        OutputExists: The object exists, and ``force`` is not set.
        OutputError: It cannot be written.
        MissingPackage: The driver of its storage is not installed.
    """
    refuse_existing(url, force=force)
    _tried(url, OutputError, lambda system, path: system.pipe_file(path, bytes(data)))


def refuse_existing(url: str, *, force: bool) -> None:
    """Checks whether an object may be written; errors as for `write`."""
    if not force and facts(url) is not None:
        raise OutputExists(EXISTS_ALREADY)


@contextlib.contextmanager
def local_copy(url: str) -> Iterator[Path]:
    """Copies an object to a temporary file for the body; errors as for `read`."""
    with tempfile.TemporaryDirectory(prefix="cnncompress-") as folder:
        path = Path(folder, "object")
        _tried(url, UnreadableImage, lambda system, name: system.get_file(name, str(path)))
        yield path


@contextlib.contextmanager
def written_at_end(url: str, *, force: bool) -> Iterator[Path]:
    """Makes an object of a temporary file that the body writes; errors as for `write`."""
    with tempfile.TemporaryDirectory(prefix="cnncompress-") as folder:
        path = Path(folder, "object")
        yield path
        refuse_existing(url, force=force)
        _tried(url, OutputError, lambda system, name: system.put_file(str(path), name))


def listing(url: str) -> dict[str, int]:
    """Returns URLs and sizes of all objects below a folder, in alphabetic order; empty if there are none.

    Args:
        url: URL of the folder.

    Raises:
        UnreadableImage: The storage cannot be asked.
        MissingPackage: Its driver is not installed.
    """

    def ask(system: Any, path: str) -> dict[str, int]:
        try:
            found = system.find(path, detail=True)
        except FileNotFoundError:
            return {}
        top, start = f"{url.rstrip('/')}/", f"{path.rstrip('/')}/"
        # Names are cut as strings: a path would lose the empty parts that names of objects may have.
        return {
            top + name.removeprefix(start): int(found[name]["size"] or 0)
            for name in sorted(found)
            if name.startswith(start) and not name.endswith("/")  # objects that stand for folders
        }

    return _tried(url, UnreadableImage, ask)


def _tried(url: str, kind: type[CnncompressError], action: Callable[[Any, str], _Answer]) -> _Answer:
    """Calls an action with the file system of a URL and its path in it, again if that fails for a moment."""
    system, path = _file_system(url)
    pause = _FIRST_PAUSE_SECONDS
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return action(system, path)
        except Exception as error:
            if attempt == _ATTEMPTS or _is_lasting(error):
                raise kind(_reason(error, url)) from None  # the driver's traceback may show credentials
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause *= 2
    raise AssertionError("the last attempt returns or raises")


def _file_system(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingPackage("URLs need fsspec: pip install 'cnncompress[remote]'") from None
    scheme = url.partition("://")[0]
    try:
        # Others write at the same time, so listings are not kept.
        system, path = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise MissingPackage(f"{scheme}:// needs a driver: {without_secrets(str(error))}") from None
    except ValueError as error:
        raise MissingPackage(f"no driver for {scheme}://: {without_secrets(str(error))}") from None
    return system, path


def _is_lasting(error: Exception) -> bool:
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return status < _SERVER_ERRORS and status != _TOO_MANY_REQUESTS
    return isinstance(error, _LASTING) or type(error).__name__ in _LASTING_NAMES


def _reason(error: Exception, url: str) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such object"
    if isinstance(error, NotImplementedError):
        return "this storage cannot do that"
    text = " ".join(without_secrets(str(error)).split())
    parts = urlsplit(url)
    for secret in (parts.netloc.rpartition("@")[0], parts.query):  # drivers also write paths without their scheme
        text = text.replace(secret, "***") if secret else text
    status = getattr(error, "status", None)
    return f"{type(error).__name__}{f' {status}' if status else ''}{f': {text}' if text else ''}"
