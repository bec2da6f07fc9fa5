"""Reads and writes tar archives member by member, in memory that does not grow with their number.

Names are those of WebDataset: all files of a sample are next to each other and share a key, which is the name up to
the first dot after the last slash.
"""

from __future__ import annotations

import contextlib
import copy
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any, cast

from cnncompress.errors import UnreadableImage
from cnncompress.files.kinds import reason
from cnncompress.units import format_bytes

_TAR_NAME = re.compile(r"\.(?:tar(?:\.(?:gz|bz2|xz))?|tgz)\Z", re.IGNORECASE)

_BUFFER_BYTES = 1 << 20
_MAX_HEADER_BYTES = 1 << 20
"""Of all headers of a member; names, owners and extended attributes have a few thousand."""

# Fields of the extended header that the new member has values of its own for.
_OWN_FIELDS = ("path", "size", "GNU.sparse.name", "GNU.sparse.realsize", "GNU.sparse.size")


def is_tar_name(name: str) -> bool:
    """Checks whether a file name is that of a tar archive, compressed or not."""
    return _TAR_NAME.search(name) is not None


def plain_tar_name(name: str) -> str:
    """Returns the name of the output of a tar: ``x.tar.gz`` and ``x.tgz`` become ``x.tar``."""
    return _TAR_NAME.sub("", name) + ".tar"


def key_of(name: str) -> str:
    """Returns the key of the sample that a member belongs to, with its folders."""
    path = PurePosixPath(name)
    return str(path.with_name(path.name.partition(".")[0])) if path.name.partition(".")[0] else name


def members(stream: IO[bytes]) -> Iterator[tuple[tarfile.TarInfo, Contents | None]]:
    """Yields the members of an archive and their contents, which must be read before the next one.

    Args:
        stream: The archive, compressed or not; is read once from beginning to end.

    Yields:
        Header of the member, and its contents; None for folders and links.

    Raises:
        UnreadableImage: The archive is damaged or ends early.
    """
    with _damage():
        archive = _Archive.open(  # closed below; only errors of opening are translated
            fileobj=stream, mode="r|*", bufsize=_BUFFER_BYTES, tarinfo=_WholeHeader
        )
    with contextlib.closing(archive):
        while True:
            with _damage():
                info = archive.next()
                contents = archive.extractfile(info) if info is not None and info.isreg() else None
            if info is None:
                return
            yield info, Contents(contents, info.size) if contents is not None else None
            _forget_members(archive)


def _forget_members(archive: tarfile.TarFile) -> None:
    archive.members.clear()  # type: ignore[attr-defined]  # keeps the headers of all members


@contextlib.contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UnreadableImage(f"not a whole tar archive: {error}") from error
    except RecursionError as error:  # each extended header of a member is read within the one before
        raise UnreadableImage("not a whole tar archive: a member has too many headers") from error
    except OSError as error:
        raise UnreadableImage(reason(error)) from error


class Contents:
    """Contents of a member, to be read once."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        """Reads nothing yet.

        Args:
            stream: The contents.
            size: Their size in bytes.
        """
        self._stream = stream
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """Reads the next bytes, all of them by default.

        Raises:
            UnreadableImage: The archive is damaged or ends early.
        """
        wanted = self._left if size < 0 else min(size, self._left)
        with _damage():
            data = self._stream.read(wanted)
        if len(data) < wanted:
            raise UnreadableImage("not a whole tar archive: it ends within a member")
        self._left -= wanted
        return data


class _Archive(tarfile.TarFile):
    """An archive whose headers take bounded memory: `tarfile` reads them whole, of any length."""

    def __init__(self, name: Any, mode: Any, fileobj: Any, **options: Any) -> None:
        self._source = _HeaderReader(fileobj)
        super().__init__(name, mode, cast("Any", self._source), **options)  # reads the first header

    def next(self) -> tarfile.TarInfo | None:
        """Reads the headers of the next member.

        Raises:
            tarfile.ReadError: They are too long.
        """
        # Those that hold for the whole archive add up.
        common = sum(len(name) + len(value) for name, value in self.pax_headers.items())
        with self._source.limited(_MAX_HEADER_BYTES - common):
            return super().next()


class _HeaderReader:
    """A stream that reads no more than a header may have while one is read."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left: int | None = None

    @contextlib.contextmanager
    def limited(self, size: int) -> Iterator[None]:
        """Limits the bytes that the body reads."""
        self._left = size
        try:
            yield
        finally:
            self._left = None

    def read(self, size: int) -> bytes:
        if self._left is not None:
            self._left -= size
            if self._left < 0:
                raise tarfile.ReadError(f"the headers of a member have more than {format_bytes(_MAX_HEADER_BYTES)}")
        data: bytes = self._stream.read(size)
        return data

    def seek(self, position: int) -> int:
        place: int = self._stream.seek(position)  # of a stream, so the bytes before it are read, but not kept
        return place

    def tell(self) -> int:
        place: int = self._stream.tell()
        return place

    def close(self) -> None:
        self._stream.close()


class _WholeHeader(tarfile.TarInfo):
    """A header whose damage is an error wherever it is; `tarfile` takes damage behind the first member for the end."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> _WholeHeader:
        """Reads the next header."""
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the regular end
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} at byte {tarfile_.offset}") from error


class TarWriter:
    """Writes an archive to a stream."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Writes nothing yet.

        Args:
            stream: Open for binary writing; its position is known.
        """
        self._archive = tarfile.open(  # noqa: SIM115 - closed by `close`
            fileobj=stream, mode="w", format=tarfile.PAX_FORMAT
        )

    def add(self, like: tarfile.TarInfo, name: str, size: int, contents: Contents | IO[bytes] | None) -> None:
        """Writes a member.

        Args:
            like: Header whose owner, mode and time the member gets.
            name: Its name.
            size: Its size in bytes.
            contents: Its contents; None for folders and links.

        Raises:
            OSError: The stream cannot be written.
        """
        info = copy.copy(like)
        info.name, info.size = name, size
        info.pax_headers = {field: value for field, value in like.pax_headers.items() if field not in _OWN_FIELDS}
        if contents is not None:
            info.type = tarfile.REGTYPE
        self._archive.addfile(info, contents)
        _forget_members(self._archive)

    def close(self) -> None:
        """Writes the end of the archive; the stream stays open."""
        self._archive.close()
