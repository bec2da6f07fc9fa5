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
from cnncompress.files.kinds import STANDARD_STREAM, is_stream, reason
from cnncompress.files.outputs import EXISTS_ALREADY, check_output
from cnncompress.images.formats import is_image_ending
from cnncompress.remote import is_url, listing, plain_url, size

DEFAULT_ENDING = "png"

_CNC_ENDING = f".{CNC}"

_SHOWN = 3
_WORTH_LISTING = 100

EXISTS = "output exists"
UP_TO_DATE = "output is up to date"


def compressed_name(name: str, *, append_suffix: bool) -> str:
    """Returns the name of the .cnc file of an image: ``photo.jpg`` becomes ``photo.cnc``, or ``photo.jpg.cnc``."""
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - ten times as fast
    # Any other text after a dot, as in "holiday.2024", is part of the name.
    return (name if append_suffix or not is_image_ending(ending[1:]) else stem) + _CNC_ENDING


def decompressed_name(name: str, ending: str) -> str:
    """Returns the name of the image of a .cnc file: ``photo.cnc`` becomes ``photo.png``, as does ``photo.png.cnc``."""
    if PurePath(name).suffix.lower() != _CNC_ENDING:
        return f"{name}.{ending}"
    stem = PurePath(name).stem
    return stem if PurePath(stem).suffix.lower() == f".{ending.lower()}" else f"{stem}.{ending}"


class Places:
    """Where the outputs of a run go. Folders are resolved once, as a list may have millions of files in a few."""

    def __init__(self, outputs: Outputs) -> None:
        """Resolves nothing yet.

        Args:
            outputs: Where outputs are written.
        """
        self._outputs = outputs
        self._folder = None if outputs.folder is None else os.fspath(outputs.folder)
        self._below_root: dict[str, str] = {}

    def of(self, found: Found, name: str) -> str:
        """Returns the path of an output.

        Args:
            found: The input.
            name: Name of the output, without folders.

        Raises:
            PlanError: The input is not below the root folder.
        """
        if self._folder is None:
            return _join(os.path.split(plain_url(found.path))[0], name)
        if self._outputs.flat:
            return _join(self._folder, name)
        return _join(self._folder, _join(os.path.split(self.relative(found))[0], name))

    def relative(self, found: Found) -> str:
        """Returns the path of an input relative to the root folder, or else to the folder that was searched.

        Raises:
            PlanError: The input is not below the root folder.
        """
        root = self._outputs.root
        if root is None:
            return os.fspath(found.relative)
        if is_url(found.path):
            url, top = plain_url(found.path), f"{os.fspath(root).rstrip('/')}/"
            if not url.startswith(top):
                raise PlanError(f"{url} is not below {root}, the folder of --root")
            return url[len(top) :]
        # Only the folder is resolved: the file itself may be a link to any other place.
        folder, name = os.path.split(found.path)
        if folder not in self._below_root:
            try:
                below = Path(folder).resolve().relative_to(Path(root).resolve())
            except ValueError:
                raise PlanError(f"{found.path} is not below {root}, the folder of --root") from None
            self._below_root[folder] = os.fspath(below)
        return _join(self._below_root[folder], name)


def _join(folder: str, name: str) -> str:
    if is_url(folder):
        return f"{folder.rstrip('/')}/{name.replace(os.sep, '/')}"
    return name if folder in ("", ".") else os.path.join(folder, name)  # noqa: PTH118 - ten times as fast


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
        path = _join(real, name)
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


def _identity(path: str) -> tuple[int, int] | None:
    if is_url(path):
        return None
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


class ExistingObjects:
    """Objects below the output folder that exist already: asked for one by one, or listed if there are many jobs."""

    def __init__(self, folder: Path | str | None, jobs: int) -> None:
        """Asks nothing yet.

        Args:
            folder: Folder of all outputs.
            jobs: Number of jobs.
        """
        self._folder = folder if isinstance(folder, str) and jobs >= _WORTH_LISTING else None
        self._listed: dict[str, int] | None = None

    def __contains__(self, url: str) -> bool:
        """Checks whether an object exists."""
        if self._folder is None:
            return size(url) is not None
        if self._listed is None:
            self._listed = listing(self._folder)
        return url in self._listed


def apply_object_policy(job: Job, policy: Existing, existing: ExistingObjects) -> Job | Result:
    """Applies the policy for existing outputs to a job whose output is an object.

    Args:
        job: The job.
        policy: What to do if the output exists already.
        existing: The objects that exist.

    Returns:
        The job, which may now replace its output; or its result, if the file is skipped or its output refused.
    """
    if policy is Existing.REPLACE:
        return replace(job, replace=True)
    try:
        if job.output not in existing:
            return job
    except CnncompressError as error:
        return failure(job.source, error, output=job.output, about=job.output)
    if policy is Existing.SKIP:
        return Result("skipped", job.source, job.output, reason=EXISTS)
    return failure(job.source, output_exists(job), output=job.output, about=job.output)


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
    except OutputExists as error:
        told = output_exists(job) if policy is Existing.REFUSE else error
        return failure(job.source, told, output=job.output, about=job.output)
    except CnncompressError as error:
        return failure(job.source, error, output=job.output, about=job.output)
    except (OSError, ValueError, RuntimeError) as error:
        return failure(job.source, OutputError(reason(error)), output=job.output, about=job.output)


def output_exists(job: Job) -> OutputExists:
    """Returns the error for an output that exists, with a hint.

    The image beside a .cnc file is often the original that it was made from, and must not be replaced by what is left
    of it. So -f is no hint for decompression, unless the .cnc file tells that its source was another file.
    """
    if job.action != "decompress" or job.tar is not None:
        return OutputExists(EXISTS_ALREADY)
    elsewhere = "exists already; -o or -d writes elsewhere"
    if job.source == STANDARD_STREAM or is_url(job.source) or is_url(job.output):
        return OutputExists(elsewhere)
    try:
        source, there = read_source_record(Path(job.source)), Path(job.output).stat()
    except (CnncompressError, OSError, ValueError):
        return OutputExists(elsewhere)
    if source is None or source.size == there.st_size:
        return OutputExists(f"{elsewhere}; it may be the original")
    return OutputExists(f"{elsewhere}, -f replaces it")


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
