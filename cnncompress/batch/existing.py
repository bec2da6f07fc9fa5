"""What becomes of a job whose output exists already: the policies of ``Existing``."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from pathlib import Path

from cnncompress.batch.cnc_files import read_source_record, record_for
from cnncompress.batch.jobs import Job
from cnncompress.batch.outcomes import Result, failure
from cnncompress.batch.request import Existing
from cnncompress.errors import EXISTS_ALREADY, BitstreamError, CnncompressError, OutputError, OutputExists
from cnncompress.files.kinds import STANDARD_STREAM, is_stream, reason
from cnncompress.files.outputs import check_output
from cnncompress.remote import facts, is_url, listing

EXISTS = "output exists"
UP_TO_DATE = "output is up to date"

_WORTH_LISTING = 100


class ExistingObjects:
    """Objects that exist already: asked for one by one, or listed if there are many jobs."""

    def __init__(self, folder: Path | str | None = None, jobs: int = 0) -> None:
        """Asks nothing yet.

        Args:
            folder: Folder of all outputs, if they have one.
            jobs: Number of jobs.
        """
        self._folder = folder if isinstance(folder, str) and jobs >= _WORTH_LISTING else None
        self._listed: dict[str, int] | CnncompressError | None = None

    def __contains__(self, url: object) -> bool:
        """Checks whether an object exists.

        Raises:
            CnncompressError: The storage cannot be asked. A folder that cannot be listed is not tried again.
        """
        if self._folder is None:
            return facts(str(url)) is not None
        if self._listed is None:
            try:
                self._listed = listing(self._folder)
            except CnncompressError as error:
                self._listed = error
        if isinstance(self._listed, CnncompressError):
            raise self._listed.with_traceback(None)  # which would grow with each
        return url in self._listed


def apply_policy(job: Job, policy: Existing, objects: Container[str] | None = None) -> Job | Result:
    """Applies the policy for existing outputs to a job.

    Args:
        job: The job.
        policy: What to do if the output exists already.
        objects: The objects that exist; by default the storage is asked.

    Returns:
        The job, which may now replace its output; or its result, if the file is skipped or its output refused.
    """
    job = replace(job, existing=policy)
    try:
        if is_url(job.output):
            return _of_object(job, policy, ExistingObjects() if objects is None else objects)
        return _of_file(job, policy)
    except OutputExists as error:
        told = output_exists(job) if policy is Existing.REFUSE else error
        return failure(job.source, told, output=job.output, about=job.output)
    except CnncompressError as error:
        return failure(job.source, error, output=job.output, about=job.output)
    except (OSError, ValueError, RuntimeError) as error:
        return failure(job.source, OutputError(reason(error)), output=job.output, about=job.output)


def _of_object(job: Job, policy: Existing, objects: Container[str]) -> Job | Result:
    if policy is Existing.REPLACE:
        return replace(job, replace=True)
    if job.output not in objects:
        return job
    if policy is Existing.SKIP:
        return Result("skipped", job.source, job.output, reason=EXISTS)
    raise output_exists(job)


def _of_file(job: Job, policy: Existing) -> Job | Result:
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
