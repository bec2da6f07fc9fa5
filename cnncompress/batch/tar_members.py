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
from typing import IO

from cnncompress.errors import UnreadableImage
from cnncompress.files.kinds import reason

TAR_ENDING = ".tar"

_TAR_NAME = re.compile(r"\.(?:tar(?:\.(?:gz|bz2|xz))?|tgz)\Z", re.IGNORECASE)

_BUFFER_BYTES = 1 << 20

# Fields of the extended header that the new member has values of its own for.
_OWN_FIELDS = ("path", "size", "GNU.sparse.name", "GNU.sparse.realsize", "GNU.sparse.size")


def is_tar_name(name: str) -> bool:
    """Checks whether a file name is that of a tar archive, compressed or not."""
    return _TAR_NAME.search(name) is not None


def plain_tar_name(name: str) -> str:
    """Returns the name of the output of a tar: ``x.tar.gz`` and ``x.tgz`` become ``x.tar``."""
    return _TAR_NAME.sub("", name) + TAR_ENDING


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
        archive = tarfile.open(  # noqa: SIM115 - closed below; only errors of opening are translated
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
