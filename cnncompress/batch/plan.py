"""Plans the jobs of a request: all checks that are possible before the work starts, without loading torch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TypeVar

from cnncompress.batch.cnc_files import SAME, ending_of_image
from cnncompress.batch.collisions import refuse_collisions, refuse_inputs_as_outputs
from cnncompress.batch.existing import ExistingObjects, apply_policy
from cnncompress.batch.inputs import CNC, PIPE, Found, find_names, look_into
from cnncompress.batch.jobs import Action, Job
from cnncompress.batch.outcomes import Result, failure
from cnncompress.batch.outputs import DEFAULT_ENDING, Places, compressed_name, decompressed_name
from cnncompress.batch.request import Inputs, Operation, Outputs, Request
from cnncompress.batch.shards import Share
from cnncompress.errors import BadMagic, CnncompressError, OutputError, PlanError, UnreadableImage
from cnncompress.files.kinds import STANDARD_STREAM, reason
from cnncompress.images.formats import OUTPUT_FORMATS, is_image_ending, output_format
from cnncompress.remote import is_url, plain_url

IS_CNC = "is a .cnc file"

_WATCHED_FILES = 1000
_File = TypeVar("_File")


@dataclass(frozen=True)
class Plan:
    """The planned work of a run.

    Attributes:
        jobs: Files to process.
        settled: Results of files that need no work: skipped or failed ones.
        others: Files in folders that are not inputs.
        single: Whether the input is a single file that was named.
        foreign: Those of the settled results that are of images in formats that are not read.
        tars: Whether the inputs are tar archives.
    """

    jobs: tuple[Job, ...]
    settled: tuple[Result, ...]
    others: tuple[str, ...]
    single: bool
    foreign: tuple[Result, ...] = ()
    tars: bool = False

    def files(self) -> Iterator[str]:
        """Inputs and outputs, as far as they are files or URLs."""
        for job in self.jobs:
            yield from (job.source, job.output)
        for result in self.settled:
            yield from (result.input, result.output or "")


Watch = Callable[[str, int], None]
"""Called now and then with what is being done, such as ``files found``, and the number of files so far."""


def make_plan(request: Request, watch: Watch = lambda step, files: None) -> Plan:
    """Plans the work on all files.

    Args:
        request: The files.
        watch: Told of the progress.

    Raises:
        PlanError: Two files would have the same output, or a file is not below the root folder.
        OutputError: An output is one of the inputs, or another file that the command reads.
    """
    if request.tar is not None:
        from cnncompress.batch.tar_plan import plan_tars

        tar_jobs, settled_tars, no_tars = plan_tars(request, request.tar)
        return Plan(tuple(tar_jobs), tuple(settled_tars), tuple(no_tars), single=False, tars=True)
    jobs: list[Job] = []
    settled: list[Result] = []
    others: list[str] = []
    foreign: list[Result] = []
    found_all, single = _found(request, watch)
    places = Places(request.outputs)
    for found in found_all:
        action = _action(found, request)
        if found.error is not None:
            settled.append(failure(found.path, found.error))
        elif action is not None:
            try:
                jobs.append(_job(found, action, request.outputs, places))
            except (OSError, ValueError, RuntimeError) as unplanned:
                settled.append(failure(found.path, OutputError(reason(unplanned))))
        elif found.kind == CNC:
            settled.append(Result("skipped", found.path, reason=IS_CNC))
        elif found.foreign is not None and request.operation == "compress":
            foreign.append(Result("skipped", found.path, reason=f"{found.foreign} is not supported"))
            settled.append(foreign[-1])
        elif (error := misnamed(found, request.operation)) is not None:
            settled.append(failure(found.path, error))
        else:
            others.append(found.path)
    with_files = [(job.source, job.output) for job in jobs if job.output not in ("", STANDARD_STREAM)]
    refuse_collisions(with_files, request.operation)
    read = [*(job.source for job in jobs), *request.also_read]
    refuse_inputs_as_outputs(read, [target for _, target in with_files])
    ready = []
    existing = ExistingObjects(request.outputs.folder, len(jobs))
    for job in _watched(jobs, "outputs checked", watch):
        decided = apply_policy(job, request.outputs.existing, existing)
        if isinstance(decided, Job):
            ready.append(decided)
        else:
            settled.append(decided)
    return Plan(tuple(ready), tuple(settled), tuple(others), single, tuple(foreign))


def misnamed(found: Found, operation: Operation) -> CnncompressError | None:
    """Returns an error for a file in a folder whose name promises what its content is not."""
    ending = found.relative.suffix[1:]
    if operation == "compress":
        return UnreadableImage("not an image in a supported format") if is_image_ending(ending) else None
    return BadMagic("not a .cnc file") if ending.lower() == CNC else None


def cnc_files(inputs: Inputs) -> tuple[list[Found], list[Found]]:
    """Finds .cnc files.

    Args:
        inputs: Files and folders to search.

    Returns:
        Files that were named or are, by content or name, .cnc files; and the other files in folders.
    """
    wanted: list[Found] = []
    others: list[Found] = []
    for found in map(look_into, find_names(inputs)):
        is_wanted = found.error is not None or found.named or found.kind == CNC or misnamed(found, "test") is not None
        (wanted if is_wanted else others).append(found)
    return wanted, others


def _watched(files: Iterable[_File], step: str, watch: Watch) -> Iterator[_File]:
    for count, file in enumerate(files, start=1):
        if not count % _WATCHED_FILES:
            watch(step, count)
        yield file


def _found(request: Request, watch: Watch) -> tuple[list[Found], bool]:
    """Returns the files of the request or of its shard, and whether the input is a single file that was named."""
    names = find_names(request.inputs, leave_out=request.outputs.folder)
    if request.shard is None:
        found = [look_into(name) for name in _watched(names, "files found", watch)]
        return found, len(found) == 1 and found[0].named
    share = Share(request, request.shard)
    found = [look_into(name) for name in share.of(_watched(names, "files found", watch))]
    return found, share.total == 1 and all(each.named for each in found)


def _action(found: Found, request: Request) -> Action | None:
    if found.kind == PIPE:
        return request.operation
    if request.outputs.copy_others:
        fits = found.kind is not None and (found.kind == CNC) != (request.operation == "compress")
        return request.operation if fits else "copy"
    if request.operation == "compress":
        return "compress" if found.kind != CNC and (found.named or found.kind is not None) else None
    return request.operation if found.named or found.kind == CNC else None


def _job(found: Found, action: Action, outputs: Outputs, places: Places) -> Job:
    if action == "test":
        return Job(action, found.path)
    if outputs.file is not None:
        if action == "decompress":
            _check_ending(found, outputs)
        return Job(action, found.path, outputs.file, record=found.kind != PIPE)
    name = PurePath(plain_url(found.path)).name
    if action == "compress":
        name = compressed_name(name, append_suffix=outputs.append_suffix)
    elif action == "decompress":
        name = decompressed_name(name, _ending(found, outputs.ending))
    target = places.of(found, name)
    return Job(action, found.path, target, new_folders=outputs.folder is not None, record=found.kind != PIPE)


def _check_ending(found: Found, outputs: Outputs) -> None:
    name = outputs.file or STANDARD_STREAM
    if outputs.ending or name in (STANDARD_STREAM, os.devnull) or output_format(name):
        return
    original = None
    if found.kind == CNC:
        with contextlib.suppress(CnncompressError):  # reported when the file is decompressed
            original = ending_of_image(Path(found.path))
    if original is None:
        raise PlanError(f"the ending of {name!r} is not one of {', '.join(OUTPUT_FORMATS)}; choose one with --format")


def _ending(found: Found, wanted: str | None) -> str:
    if wanted not in (None, SAME):
        return str(wanted)
    if is_url(found.path):  # opening millions of objects takes hours
        return DEFAULT_ENDING
    try:
        return ending_of_image(Path(found.path), wanted) or DEFAULT_ENDING
    except CnncompressError:  # reported when the file is decompressed
        return DEFAULT_ENDING
