"""Outputs: their names and folders, checks for collisions, and the policy for outputs that exist already."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from cnncompress.batch.cnc_files import read_source_record, record_for
from cnncompress.batch.inputs import CNC, Found
from cnncompress.batch.jobs import Job
from cnncompress.batch.outcomes import Result, failure
from cnncompress.batch.request import Existing, Operation, Outputs
from cnncompress.batch.same_names import are_one_file, folded
from cnncompress.errors import BitstreamError, CnncompressError, OutputError, OutputExists, PlanError
from cnncompress.files import STANDARD_STREAM, check_output, is_stream, reason
from cnncompress.images.formats import is_image_ending

DEFAULT_ENDING = "png"

_CNC_ENDING = f".{CNC}"

_SHOWN = 3

EXISTS = "output exists"
UP_TO_DATE = "output is up to date"


def compressed_name(name: str, *, append_suffix: bool) -> str:
    """Returns the name of the .cnc file of an image: ``photo.jpg`` becomes ``photo.cnc``, or ``photo.jpg.cnc``."""
    path = PurePath(name)
    # Any other text after a dot, as in "holiday.2024", is part of the name.
    if append_suffix or not is_image_ending(path.suffix[1:]):
        return name + _CNC_ENDING
    return path.stem + _CNC_ENDING


def decompressed_name(name: str, ending: str) -> str:
    """Returns the name of the image of a .cnc file: ``photo.cnc`` becomes ``photo.png``, as does ``photo.png.cnc``."""
    if PurePath(name).suffix.lower() != _CNC_ENDING:
        return f"{name}.{ending}"
    stem = PurePath(name).stem
    return stem if PurePath(stem).suffix.lower() == f".{ending.lower()}" else f"{stem}.{ending}"


def place(found: Found, name: str, outputs: Outputs) -> Path:
    """Returns the path of an output.

    Args:
        found: The input.
        name: Name of the output, without folders.
        outputs: Where outputs are written.

    Raises:
        PlanError: The input is not below the root folder.
    """
    if outputs.folder is None:
        return Path(found.path).with_name(name)
    if outputs.flat:
        return outputs.folder / name
    if outputs.root is None:
        return outputs.folder / found.relative.with_name(name)
    return outputs.folder / _below(Path(found.path), outputs.root).with_name(name)


def _below(path: Path, root: Path) -> Path:
    # Only the folder is resolved: the file itself may be a link to any other place.
    folder = path.parent.resolve()
    try:
        return folder.relative_to(root.resolve()) / path.name
    except ValueError:
        raise PlanError(f"{path} is not below {root}, the folder of --root") from None


def refuse_collisions(pairs: Iterable[tuple[str, Path]], operation: Operation) -> None:
    """Checks that no two inputs have the same output, as the file system of the outputs sees it.

    Args:
        pairs: Input and output of each file.
        operation: What is done with the files, for the hint in the message.

    Raises:
        PlanError: Two inputs have the same output; the message names the first such pairs.
    """
    outputs: dict[str, list[tuple[str, Path]]] = {}
    collisions = []
    resolved: dict[Path, Path] = {}
    for source, target in pairs:
        if target.parent not in resolved:
            resolved[target.parent] = _resolved(target.parent)
        path = resolved[target.parent] / target.name
        others = outputs.setdefault(folded(str(path)), [])
        other = next((source for source, other in others if are_one_file(path, other)), None)
        if other is not None:
            collisions.append(f"{other} and {source} would both become {target}")
        others.append((source, path))
    if collisions:
        more = f"; and {len(collisions) - _SHOWN} more" if len(collisions) > _SHOWN else ""
        hint = "--root keeps the folders"
        if operation == "compress":
            hint = f"--append-suffix keeps the endings, {hint}"
        raise PlanError("; ".join(collisions[:_SHOWN]) + f"{more}; {hint}")


def _resolved(folder: Path) -> Path:
    try:
        return Path(os.path.realpath(folder))
    except OSError:  # reported when the output is checked
        return folder


def refuse_inputs_as_outputs(sources: Sequence[str], targets: Iterable[Path]) -> None:
    """Checks that no output is one of the inputs; two paths of the same file count as equal.

    Args:
        sources: Paths of all inputs.
        targets: Paths of all outputs.

    Raises:
        OutputError: An output is one of the inputs.
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


def apply_overwrite_policy(job: Job, policy: Existing) -> Job | Result:
    """Applies the policy for existing outputs to a job.

    Args:
        job: The job.
        policy: What to do if the output exists already.

    Returns:
        The job, which may now replace its output; or its result, if the file is skipped or its output refused.
    """
    job = replace(job, existing=policy)
    try:
        if job.output in ("", STANDARD_STREAM):
            if job.output:
                check_output(job.output, force=False)
            return job
        target = Path(job.output)
        if policy is Existing.REPLACE and not is_stream(target):
            check_output(job.output, force=True, source=job.source, new_folders=job.new_folders)
            return replace(job, replace=True)
        if not target.exists() or target.is_dir() or is_stream(target) or policy is Existing.REFUSE:
            check_output(job.output, force=False, source=job.source, new_folders=job.new_folders)
            return job
        return _compared(job, target, policy)
    except CnncompressError as error:
        return failure(job.source, error, output=job.output, about=job.output)
    except (OSError, ValueError, RuntimeError) as error:
        return failure(job.source, OutputError(reason(error)), output=job.output, about=job.output)


def _compared(job: Job, target: Path, policy: Existing) -> Job | Result:
    try:
        source, output = Path(job.source).stat(), target.stat()
    except (OSError, ValueError) as error:
        raise OutputError(reason(error)) from error
    newer = source.st_mtime_ns > output.st_mtime_ns
    if job.action == "compress":
        _refuse_other_source(job, target, source.st_size, size_matters=policy is Existing.SKIP)
    if policy is Existing.UPDATE and newer:
        check_output(str(target), force=True, source=job.source)
        return replace(job, replace=True)
    return Result("skipped", job.source, job.output, reason=EXISTS if policy is Existing.SKIP else UP_TO_DATE)


def _refuse_other_source(job: Job, target: Path, size: int, *, size_matters: bool) -> None:
    # A photo.cnc made from photo.jpg, by this or another run, must not count as the finished output of photo.png.
    try:
        recorded = read_source_record(target)
    except BitstreamError as error:
        raise OutputExists(f"exists already, but {error}; -f replaces it") from error
    if recorded is None:
        return
    wanted = record_for(job.source, size)
    if recorded.ending != wanted.ending or (size_matters and recorded.size != wanted.size):
        raise OutputExists(
            f"exists already, made from a file *.{recorded.ending} of {recorded.size} bytes, "
            f"not from {job.source} of {size}; -f replaces it"
        )
