"""Refuses outputs that would replace each other, or an input."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from cnncompress.batch.outputs import join_path
from cnncompress.batch.request import Operation
from cnncompress.batch.same_names import are_one_file, folded
from cnncompress.errors import OutputError, PlanError
from cnncompress.files.kinds import STANDARD_STREAM, is_stream
from cnncompress.remote import is_url

_SHOWN = 3


def refuse_collisions(pairs: Iterable[tuple[str, str]], operation: Operation) -> None:
    """Checks that no two inputs have the same output, as the file system of the outputs sees it.

    Args:
        pairs: Input and output of each file.
        operation: What is done with the files, for the hint in the message.

    Raises:
        PlanError: Two inputs have the same output; the message names the first such pairs.
    """
    outputs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    collisions = []
    resolved: dict[str, tuple[str, str]] = {}
    for source, target in pairs:
        folder, name = os.path.split(target)
        if folder not in resolved:
            real = folder if is_url(folder) else _resolved(folder)
            resolved[folder] = real, folded(real)
        real, key = resolved[folder]
        path = join_path(real, name)
        others = outputs.setdefault((key, folded(name)), [])
        other = next((source for source, other in others if _are_one(path, other)), None)
        if other is not None:
            collisions.append(f"{other} and {source} would both become {target}")
        others.append((source, path))
    if collisions:
        more = f"; and {len(collisions) - _SHOWN} more" if len(collisions) > _SHOWN else ""
        hint = "--root keeps the folders"
        if operation == "compress":
            hint = f"--append-suffix keeps the endings, {hint}"
        raise PlanError("; ".join(collisions[:_SHOWN]) + f"{more}; {hint}")


def _resolved(folder: str) -> str:
    try:
        return os.path.realpath(folder)
    except OSError:  # reported when the output is checked
        return folder


def _are_one(first: str, second: str) -> bool:
    return first == second or (not is_url(first) and are_one_file(Path(first), Path(second)))


def refuse_inputs_as_outputs(sources: Sequence[str], targets: Iterable[str]) -> None:
    """Checks that no output is one of the inputs; two paths of the same file count as equal.

    Args:
        sources: Paths of all inputs.
        targets: Paths of all outputs.

    Raises:
        OutputError: An output is one of the inputs.
    """
    files = (source for source in sources if source != STANDARD_STREAM)
    inputs = {identity: source for source in files if (identity := _identity(source)) is not None}
    urls = {source for source in sources if is_url(source)}
    for target in targets:
        if target in urls:
            raise OutputError(f"{target}: is the input itself")
        identity = _identity(target)
        if identity in inputs:
            source = inputs[identity]
            name = "" if target == source else f" {source}"
            raise OutputError(f"{target}: is the input{name} itself")


def refuse_file_of_run(path: str, files: Iterable[str]) -> None:
    """Checks that a log is none of the files of its run; devices and pipes are not looked at.

    Args:
        path: Path of the log.
        files: Paths of all inputs and outputs.

    Raises:
        OutputError: It is one of them.
    """
    if is_stream(Path(path)):
        return
    identity, name = _identity(path), folded(PurePath(path).name)
    for file in files:
        is_file = identity is not None and _identity(file) == identity
        if is_file or (folded(PurePath(file).name) == name and _are_one(_absolute(path), _absolute(file))):
            raise OutputError(f"is an input or output of this run{'' if path == file else f': {file}'}")


def _absolute(path: str) -> str:
    folder, name = os.path.split(path)
    return path if is_url(path) else join_path(_resolved(folder), name)


def _identity(path: str) -> tuple[int, int] | None:
    if is_url(path):
        return None
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
