"""Finds the inputs: files that were named, and files in folders. Their format is detected from their first bytes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePath, PurePosixPath

from cnncompress.batch.request import Inputs
from cnncompress.errors import CnncompressError, OutputError, UnreadableImage
from cnncompress.files.inputs import read_input
from cnncompress.files.kinds import STANDARD_STREAM, is_special, reason
from cnncompress.images.formats import SNIFFED_BYTES, is_image_ending, sniff
from cnncompress.images.kinds import kind_of
from cnncompress.remote import is_url, listing, plain_url

CNC = "cnc"
PIPE = "pipe"

_LEADS_OUT = "its name has a part that is empty, '.' or '..' and could lead out of the output folder"

_PART = re.compile(r"\..+\.\d+\.part")


@dataclass(frozen=True)
class Found:
    """An input file.

    Attributes:
        path: Path or URL as used for opening the file and in messages.
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


def find_names(inputs: Inputs, *, leave_out: Path | str | None = None) -> Iterator[Found]:
    """Finds the files, each once, in the order in which they were named, and in alphabetic order within folders.

    No file is opened: `look_into` does that. Symbolic links in folders are not followed; links that are named are.

    Args:
        inputs: Files and folders to search.
        leave_out: Folder that is not searched: the output folder may be inside an input folder.

    Raises:
        OutputError: That folder cannot be resolved.
    """
    seen: set[str] = set()
    try:
        left_out = leave_out.resolve() if isinstance(leave_out, Path) else None
    except (OSError, RuntimeError) as error:
        raise OutputError(f"{leave_out}: {reason(error)}") from error
    for found in _all(inputs, left_out):
        key = found.path
        if found.path != STANDARD_STREAM and not is_url(found.path):
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
        if is_url(name):
            yield from _objects(name, inputs) if inputs.recursive and _is_folder(name) else [_object(name)]
            continue
        try:
            # Without -r the names of a long list cost nothing: `look_into` refuses folders.
            is_folder = inputs.recursive and Path(name).is_dir()
        except (OSError, ValueError) as error:
            yield _unreadable(name, reason(error))
            continue
        if is_folder:
            yield from _walk(Path(name), inputs, leave_out)
        else:
            yield Found(name, _last_part(name))


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
                yield Found(entry.path, relative, named=False)
        pending += reversed(folders)


def _object(url: str, relative: PurePath | None = None) -> Found:
    """Returns an object; one in a folder is known by the ending of its name, as opening millions takes hours."""
    name = PurePosixPath(plain_url(url)).name
    ending = name.rpartition(".")[2].lower()
    kind = ending if ending == CNC or is_image_ending(ending) else None
    return Found(url, relative or PurePath(name), named=relative is None, kind=kind)


def _is_folder(url: str) -> bool:
    """Guesses from a URL whether it is that of a folder: its last part has no ending."""
    return "." not in plain_url(url).rpartition("/")[2]


def _objects(folder: str, inputs: Inputs) -> Iterator[Found]:
    folder = f"{folder.rstrip('/')}/"
    try:
        urls = listing(folder)
    except CnncompressError as error:
        yield Found(folder, PurePath(), error=error)
        return
    for url in urls:
        name = url[len(folder) :]
        relative = PurePath(name)
        left_out = any(matches(each, inputs.exclude) for each in (relative, *relative.parents))
        if left_out or not _wanted(relative, inputs):
            continue
        if stays_below(name):
            yield _object(url, relative)
        else:
            yield Found(url, PurePath(relative.name), named=False, error=OutputError(_LEADS_OUT))


def stays_below(name: str) -> bool:
    """Checks that a path with slashes leads to no place outside the folder that it is joined to.

    Names of objects can have parts that a file system reads as another place, and whoever may write to a bucket chooses
    them.

    Args:
        name: Path relative to a folder.
    """
    if os.name == "nt" and ("\\" in name or ":" in name):
        return False
    return not any(part in ("", ".", "..") for part in name.split("/"))


def _last_part(path: str) -> PurePath:
    name = os.path.basename(path)  # noqa: PTH119 - twice as fast
    return PurePath(name if name not in ("", ".") else PurePath(path).name)


def _wanted(relative: PurePath, inputs: Inputs) -> bool:
    if _PART.fullmatch(relative.name):  # unfinished output of a killed process
        return False
    return not inputs.include or matches(relative, inputs.include)


def look_into(found: Found) -> Found:
    """Detects the format of a file, or finds out why it cannot be opened."""
    if found.error is not None or found.kind is not None or is_url(found.path):
        return found
    path = Path(found.path)
    try:
        if found.named and path.is_dir():
            return replace(found, error=UnreadableImage("is a folder; -r searches folders"))
        if is_special(path):
            return replace(found, kind=PIPE)
        with path.open("rb") as stream:
            if found.named:  # what cannot be compressed of it is found out when it is read
                return replace(found, kind=sniff(stream.read(SNIFFED_BYTES)))
            kind, foreign = kind_of(stream)
            return replace(found, kind=kind, foreign=foreign)
    except (OSError, ValueError) as error:
        return replace(found, error=UnreadableImage(reason(error)))


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
