"""Outputs that are there already: refused, replaced, or good enough to be left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cnncompress.batch.heads import read_source_record, record_for
from cnncompress.batch.jobs import Job
from cnncompress.batch.records import Result, failure
from cnncompress.batch.request import Existing
from cnncompress.errors import BitstreamError, CnncompressError, OutputError, OutputExists
from cnncompress.files import STANDARD_STREAM, check_output, is_stream, reason

EXISTS = "output exists"
UP_TO_DATE = "output is up to date"


def settle(job: Job, policy: Existing) -> Job | Result:
    """Decides about a job by what its output is now.

    Returns:
        The job, which may have been allowed to replace its output, or the result if there is nothing left to do.
    """
    if job.target in ("", STANDARD_STREAM):
        return job
    try:
        target = Path(job.target)
        if not target.exists() or target.is_dir() or is_stream(target) or policy is Existing.REFUSE:
            check_output(job.target, force=False, source=job.source, new_folders=job.new_folders)
        elif policy is Existing.REPLACE:
            check_output(job.target, force=True, source=job.source)
            return replace(job, replace=True)
        else:
            return _compared(job, target, policy)
    except CnncompressError as error:
        return failure(job.source, error, output=job.target, about=job.target)
    return job


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
    return Result("skipped", job.source, job.target, reason=EXISTS if policy is Existing.SKIP else UP_TO_DATE)


def _refuse_other_source(job: Job, target: Path, size: int, *, size_matters: bool) -> None:
    # photo.png must not count as done because photo.jpg has left a photo.cnc, in this run or in one beside it.
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
