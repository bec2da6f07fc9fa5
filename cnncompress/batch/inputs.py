"""Finds the inputs: files that were named, and files in folders. Their format is detected from their first bytes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from cnncompress.batch.request import Inputs
from cnncompress.errors import CnncompressError, OutputError, UnreadableImage
from cnncompress.files import STANDARD_STREAM, is_special, read_input, reason
from cnncompress.images.fields.file_bytes import FileBytes
from cnncompress.images.fields.tiff import camera_raw
from cnncompress.images.formats import SNIFFED_BYTES, foreign_format, sniff

CNC = "cnc"
PIPE = "pipe"

_PART = re.compile(r"\..+\.\d+\.part")


@dataclass(frozen=True)
class Found:
    """An input file.

    Attributes:
        path: Path as used for opening the file and in messages.
        relative: Path relative to the folder that was searched; the file name alone if the file itself was named.
        named: Whether the file itself was named, and not found in a folder.
        kind: Format of the file from `cnncompress.images.formats.sniff`, None for other files; `PIPE` for inputs that
            can be read only once.
        foreign: Name of the format of an image that was found in a folder and cannot be compressed; None for others.
        error: Why the file cannot be opened; None if it can.
    """

    path: str
    relative: PurePath
    named: bool = True
    kind: str | None = None
    foreign: str | None = None
    error: CnncompressError | None = None


def gather(inputs: Inputs, *, leave_out: Path | None = None) -> Iterator[Found]:
    """Finds the files, each once, in the order in which they were named, and in alphabetic order within folders.

    Symbolic links in folders are not followed; links that are named are.

    Args:
        inputs: Files and folders to search.
        leave_out: Folder that is not searched: the output folder may be inside an input folder.

    Raises:
        OutputError: That folder cannot be resolved.
    """
    seen: set[str] = set()
    try:
        left_out = leave_out.resolve() if leave_out is not None else None
    except (OSError, RuntimeError) as error:
        raise OutputError(f"{leave_out}: {reason(error)}") from error
    for found in _all(inputs, left_out):
        key = found.path
        if found.path != STANDARD_STREAM:
            with contextlib.suppress(OSError):  # the working folder is gone
                key = os.path.abspath(found.path)  # noqa: PTH100 - with links
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
            yield _unreadable(name, "is a folder; -r searches folders")


def _walk(top: Path, inputs: Inputs, leave_out: Path | None) -> Iterator[Found]:
    pending = [top]
    while pending:
        folder = pending.pop()
        try:
            if leave_out is not None and folder.resolve() == leave_out:
                continue
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
    if _PART.fullmatch(relative.name):  # unfinished output of a killed process
        return False
    return not inputs.include or matches(relative, inputs.include)


def _looked_into(path: str, relative: str | PurePath, *, named: bool) -> Found:
    try:
        if is_special(Path(path)):
            return Found(path, PurePath(relative), named, PIPE)
        with open(path, "rb") as stream:
            start = stream.read(SNIFFED_BYTES)
            kind, foreign = sniff(start), None if named else foreign_format(start)
            if kind == "tiff" and not named:
                foreign = camera_raw(FileBytes(stream))
            return Found(path, PurePath(relative), named, None if foreign else kind, foreign)
    except (OSError, ValueError) as error:
        return Found(path, PurePath(relative), named, error=UnreadableImage(reason(error)))


def _unreadable(path: str, why: str) -> Found:
    return Found(path, PurePath(PurePath(path).name), error=UnreadableImage(why))


def read_list(source: str, *, nul: bool) -> tuple[str, ...]:
    """Reads a list of paths.

    Args:
        source: Path of the list, ``-`` for standard input.
        nul: Whether the paths are separated by NUL, so that they may contain line feeds, and not by line feeds.

    Raises:
        UnreadableImage: The list cannot be read.
    """
    names = read_input(source).split(b"\0" if nul else b"\n")
    if not nul:  # some editors end lines with a carriage return; file names hardly ever do
        names = [name.removesuffix(b"\r") for name in names]
    return tuple(os.fsdecode(name) for name in names if name)


def matches(relative: PurePath, patterns: tuple[str, ...]) -> bool:
    """Checks whether a path matches one of the patterns.

    ``*``, ``?`` and ``[...]`` have the same meaning as in a shell. A pattern with a slash is compared with the whole
    path, a pattern without one with the file name alone.

    Args:
        relative: Path relative to the folder that is searched.
        patterns: Patterns; none of them matches if there are none.
    """
    return any(
        fnmatchcase(relative.as_posix() if "/" in pattern else relative.name, pattern.removesuffix("/"))
        for pattern in patterns
    )
