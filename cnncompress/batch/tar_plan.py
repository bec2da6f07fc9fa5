"""Plans the tars of a request: one output for each, and no tar that is finished is made again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from cnncompress.batch.collisions import refuse_collisions, refuse_inputs_as_outputs
from cnncompress.batch.inputs import Found, find_names
from cnncompress.batch.jobs import Job
from cnncompress.batch.outcomes import Result, failure
from cnncompress.batch.outputs import Places
from cnncompress.batch.request import Existing, Operation, Request, TarWork
from cnncompress.batch.shards import every_nth
from cnncompress.batch.tar_marker import Marker, marker_path, read_marker
from cnncompress.batch.tar_members import is_tar_name, plain_tar_name
from cnncompress.errors import CnncompressError, OutputExists, UnreadableImage
from cnncompress.files.inputs import file_facts, file_size
from cnncompress.files.outputs import check_output
from cnncompress.remote import Facts, plain_url
from cnncompress.units import plural

FINISHED = "finished already"


def plan_tars(request: Request, work: TarWork) -> tuple[list[Job], list[Result], list[str]]:
    """Plans the work on the tars of a request, or of its shard; none is opened.

    Args:
        request: The request; its outputs have a folder.
        work: How the members are processed.

    Returns:
        The jobs, results of tars that need no work, and the files in folders that are no tars.

    Raises:
        PlanError: Two tars would have the same output, or one is not below the root folder.
        OutputError: An output is one of the inputs, or another file that the command reads.
    """
    named = find_names(request.inputs, leave_out=request.outputs.folder)
    tars, others = [], []
    for found in named:
        if found.named or is_tar_name(plain_url(found.path)):
            tars.append(found)
        else:
            others.append(found.path)
    places = Places(request.outputs)
    targets = {
        found.path: places.of(found, plain_tar_name(PurePath(plain_url(found.path)).name))
        for found in tars
        if found.error is None
    }
    refuse_collisions(targets.items(), request.operation)
    tars.sort(key=lambda found: found.path)
    own = tars if request.shard is None else every_nth(request.shard, tars)
    read = [*(found.path for found in own), *request.also_read]
    refuse_inputs_as_outputs(read, [targets[f.path] for f in own if f.path in targets])
    jobs: list[Job] = []
    settled: list[Result] = []
    for found in own:
        if found.error is not None:
            settled.append(failure(found.path, found.error))
            continue
        planned = _planned(found, targets[found.path], request.operation, request.outputs.existing, work)
        if isinstance(planned, Job):
            jobs.append(planned)
        else:
            settled.append(planned)
    return jobs, settled, others


def _planned(found: Found, target: str, operation: Operation, policy: Existing, work: TarWork) -> Job | Result:
    try:
        facts = file_facts(found.path)
        if facts is None:
            raise UnreadableImage("no such file")
    except CnncompressError as error:
        return failure(found.path, error)
    job = Job(operation, found.path, target, new_folders=True, tar=work)
    try:
        output_bytes = file_size(target)
        if output_bytes is None or policy is Existing.REFUSE:
            check_output(target, force=False, source=found.path, new_folders=True)
            return job
        if policy is Existing.REPLACE:
            check_output(target, force=True, source=found.path)
            return replace(job, replace=True)
        return _compared(job, read_marker(target), facts, output_bytes)
    except CnncompressError as error:
        return failure(found.path, error, output=target, about=target)


def _compared(job: Job, marker: Marker | None, facts: Facts, output_bytes: int) -> Job | Result:
    if marker is None:
        raise OutputExists(f"exists already, without the marker {marker_path(job.output)}; -f replaces it")
    if marker.output_bytes != output_bytes:  # a run was killed after it had written the marker
        return replace(job, replace=True)
    if job.tar is None or marker.settings != job.tar.settings:
        raise OutputExists("exists already, made with other settings; -f replaces it")
    if not marker.is_of(job.source, facts):
        raise OutputExists(
            f"exists already, made of another tar: {marker.input_name} had {marker.input_bytes} bytes "
            f"and the time or ETag {marker.input_version}; -f replaces it"
        )
    failed = len(marker.report.failures)
    warnings = (f"{plural(failed, 'image')} failed when {job.output} was made; -f tries again",) if failed else ()
    return Result("skipped", job.source, job.output, reason=FINISHED, warnings=warnings)
