"""Outputs that would overwrite each other, or an input: found before any work is done."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from cnncompress.batch.request import Operation
from cnncompress.errors import OutputError, PlanError
from cnncompress.files import STANDARD_STREAM

_SHOWN = 3


def refuse_collisions(pairs: Iterable[tuple[str, Path]], operation: Operation) -> None:
    """Refuses two inputs with one output.

    Args:
        pairs: input and output of each file.
        operation: what is done with them.

    Raises:
        PlanError: there are such; the first of them are named.
    """
    outputs: dict[str, str] = {}
    collisions = []
    resolved: dict[Path, str] = {}
    for source, target in pairs:
        if target.parent not in resolved:
            resolved[target.parent] = os.path.realpath(target.parent)
        key = os.path.normcase(os.path.join(resolved[target.parent], target.name))  # noqa: PTH118 - of a str
        if key in outputs:
            collisions.append(f"{outputs[key]} and {source} would both become {target}")
        else:
            outputs[key] = source
    if collisions:
        more = f"; and {len(collisions) - _SHOWN} more" if len(collisions) > _SHOWN else ""
        hint = "--root keeps the folders"
        if operation == "compress":
            hint = f"--append-suffix keeps the endings, {hint}"
        raise PlanError("; ".join(collisions[:_SHOWN]) + f"{more}; {hint}")


def refuse_inputs_as_outputs(sources: Sequence[str], targets: Iterable[Path]) -> None:
    """Refuses outputs that are one of the inputs, under whatever name.

    Args:
        sources: paths of all inputs.
        targets: the outputs.

    Raises:
        OutputError: there is such a one.
    """
    files = (source for source in sources if source != STANDARD_STREAM)
    inputs = {identity: source for source in files if (identity := _identity(source)) is not None}
    for target in targets:
        identity = _identity(target)
        if identity in inputs:
            source = inputs[identity]
            name = "" if str(target) == source else f" {source}"
            raise OutputError(f"{target}: is the input{name} itself")


def _identity(path: str | Path) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
