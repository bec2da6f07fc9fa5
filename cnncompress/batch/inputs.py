"""Finds the inputs: files that were named, and those in folders. Known by their first bytes, never by their names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from cnncompress.batch.request import Inputs
from cnncompress.errors import CnncompressError, UnreadableImage
from cnncompress.files import STANDARD_STREAM, is_special, read_input, reason
from cnncompress.images.formats import SNIFFED_BYTES, sniff

CNC = "cnc"
PIPE = "pipe"

_PART = re.compile(r"\..+\.\d+\.part")


@dataclass(frozen=True)
class Found:
    """A file.

    Attributes:
        path: as it is opened and named in messages.
        relative: where it stands below the folder that it was found in; its name if it was named itself.
        named: whether it was named, and not found in a folder.
        kind: what :func:`cnncompress.images.formats.sniff` says, None for other files; :data:`PIPE` for what cannot be
            looked into without using it up.
        error: why it cannot be opened, if so.
    """

    path: str
    relative: PurePath
    named: bool = True
    kind: str | None = None
    error: CnncompressError | None = None


def gather(inputs: Inputs, *, leave_out: Path | None = None) -> Iterator[Found]:
    """Finds the files, each once, in the order of the names and within folders in alphabetic order.

    Links in folders are not followed; those that are named are.

    Args:
        inputs: which ones.
        leave_out: folder that is not gone through: the output folder may be inside an input folder.
    """
    seen: set[str] = set()
    for found in _all(inputs, leave_out.resolve() if leave_out is not None else None):
        key = os.path.abspath(found.path) if found.path != STANDARD_STREAM else found.path  # noqa: PTH100 - with links
        if key not in seen:
            seen.add(key)
            yield found


def _all(inputs: Inputs, leave_out: Path | None) -> Iterator[Found]:
    for name in inputs.paths:
        if name == STANDARD_STREAM:
            yield Found(name, PurePath(name), kind=PIPE)
            continue
        try:
            is_folder = Path(name).is_dir()
        except (OSError, ValueError) as error:
            yield _unreadable(name, reason(error))
            continue
        if not is_folder:
            yield _looked_into(name, PurePath(name).name, named=True)
        elif inputs.recursive:
            yield from _walk(Path(name), inputs, leave_out)
        else:
            yield _unreadable(name, "is a folder; -r goes through folders")


def _walk(top: Path, inputs: Inputs, leave_out: Path | None) -> Iterator[Found]:
    pending = [top]
    while pending:
        folder = pending.pop()
        if leave_out is not None and folder.resolve() == leave_out:
            continue
        try:
            with os.scandir(folder) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield _unreadable(str(folder), reason(error))
            continue
        folders = []
        for entry in ordered:
            relative = PurePath(entry.path).relative_to(top)
            if entry.is_symlink() or matches(relative, inputs.exclude):
                continue
            if entry.is_dir():
                folders.append(Path(entry.path))
            elif entry.is_file() and _wanted(relative, inputs):
                yield _looked_into(entry.path, relative, named=False)
        pending += reversed(folders)


def _wanted(relative: PurePath, inputs: Inputs) -> bool:
    if _PART.fullmatch(relative.name):  # left by a process that was killed
        return False
    return not inputs.include or matches(relative, inputs.include)


def _looked_into(path: str, relative: str | PurePath, *, named: bool) -> Found:
    try:
        if is_special(Path(path)):
            return Found(path, PurePath(relative), named, PIPE)
        with open(path, "rb") as stream:
            return Found(path, PurePath(relative), named, sniff(stream.read(SNIFFED_BYTES)))
    except (OSError, ValueError) as error:
        return Found(path, PurePath(relative), named, error=UnreadableImage(reason(error)))


def _unreadable(path: str, why: str) -> Found:
    return Found(path, PurePath(PurePath(path).name), error=UnreadableImage(why))


def read_list(source: str, *, nul: bool) -> tuple[str, ...]:
    """Reads a list of paths.

    Args:
        source: path of the list, ``-`` for standard input.
        nul: whether the names are separated by NUL, so that they may contain anything; by line feeds otherwise.

    Raises:
        UnreadableImage: the list cannot be read.
    """
    names = read_input(source).split(b"\0" if nul else b"\n")
    if not nul:  # nobody ends a name with a carriage return, but editors end lines with it
        names = [name.removesuffix(b"\r") for name in names]
    return tuple(os.fsdecode(name) for name in names if name)


def matches(relative: PurePath, patterns: tuple[str, ...]) -> bool:
    """Whether a path matches one of the patterns.

    ``*``, ``?`` and ``[...]`` are as in a shell. A pattern with a slash is compared with the whole path, one without
    with the name alone.

    Args:
        relative: path below the folder that is gone through.
        patterns: any number of them.
    """
    return any(
        fnmatchcase(relative.as_posix() if "/" in pattern else relative.name, pattern.removesuffix("/"))
        for pattern in patterns
    )
