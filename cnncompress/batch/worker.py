"""Runs jobs, and turns every error into a result."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from cnncompress.batch.decode import decode, decode_only
from cnncompress.batch.encode import encode
from cnncompress.batch.existing import apply_policy, output_exists
from cnncompress.batch.groups import Group, Steps, finished
from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result, failure, known_error, success
from cnncompress.batch.request import Existing
from cnncompress.batch.resources import PixelBudget, memory_errors
from cnncompress.bitstream.container import unpack
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.errors import DeviceError, OutputError, OutputExists
from cnncompress.files.inputs import file_size, file_status, read_input
from cnncompress.files.outputs import copy_file


class Worker:
    """Runs jobs; any number of threads may use one worker at the same time."""

    def __init__(
        self,
        settings: WorkSettings,
        model: ModelSettings,
        progress: Progress = unwatched,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Stores the arguments; the model is loaded by `prepare` or by the first job that needs it.

        Args:
            settings: How every file is processed.
            model: How the networks are run.
            progress: Called with the progress on one image.
            stopping: Called between jobs, and between the images of a tar, which is given up once it returns True.
        """
        self._stopping = stopping
        self._progress = progress
        self._settings = settings
        self._budget = PixelBudget()
        self._codecs = CodecCache(model, settings.image.limits)

    def prepare(self) -> None:
        """Loads the model for compression.

        Raises:
            ModelError: The model is unknown or damaged.
            DeviceError: The device is not available.
            OutOfMemory: There is not enough memory for the model, or for the libraries that run it.
        """
        with memory_errors("the model"):
            self._codecs.encoder()

    def run(self, job: Job) -> Result:
        """Runs one job, as by `run_all`."""
        return finished(self._steps(job))

    def run_all(self, jobs: Sequence[Job]) -> Iterator[Result]:
        """Runs jobs; the networks are run for several of them at once where the engine wants that.

        Yields:
            Their results in order, failures for all errors but the following. There are none of jobs that were not
            begun when `stopping` was true.

        Raises:
            DeviceError: The device is not available, so that all other jobs would fail too.
            BrokenPipeError: The reader of the output has closed it.
        """
        group: Group[Result] = Group(self._budget)
        for number, job in enumerate(jobs):
            if number and self._stopping():
                break
            yield from group.add(self._steps(job))
        yield from group.end()

    def _steps(self, job: Job) -> Steps[Result]:
        start = time.perf_counter()
        try:
            with memory_errors("this image"):
                result = yield from self._done_again(job) if job.attempt > 1 else self._done_or_skipped(job)
        except (DeviceError, BrokenPipeError):
            raise
        except Exception as error:
            result = _failed(job, error)
        return replace(result, seconds=round(time.perf_counter() - start, 4))

    def _done_or_skipped(self, job: Job) -> Steps[Result]:
        """Does the work; the policy for existing outputs is applied to what other runs have written meanwhile."""
        if job.existing in (Existing.SKIP, Existing.UPDATE):
            now = apply_policy(job, job.existing)
            if isinstance(now, Result):
                return now
            job = now
        try:
            return (yield from self._done(job))
        except OutputExists:
            now = apply_policy(job, job.existing)
            if job.existing is Existing.REFUSE:
                raise output_exists(job) from None
            if not isinstance(now, Result):
                raise
            return now

    def _done(self, job: Job) -> Steps[Result]:
        if job.action == "copy":
            status = file_status(job.source) if self._settings.preserve else None
            size = copy_file(job.source, job.output, force=job.replace, like=status)
            return Result("copied", job.source, job.output, input_bytes=size, output_bytes=size)
        if job.tar is not None:
            from cnncompress.batch.tar_shard import run_shard

            return run_shard(job, self._settings, self._codecs, self._budget, self._progress, self._stopping)
        work = {"compress": encode, "decompress": decode, "test": decode_only}[job.action]
        return (yield from work(job, self._settings, self._codecs, self._budget, self._progress))

    def _done_again(self, job: Job) -> Steps[Result]:
        """Does the work of a worker that has died, unless that had done all of it."""
        done = self._done_before(job)
        # The output may be there, or the worker that is taken for dead may write it yet.
        return (yield from self._done(replace(job, replace=True))) if done is None else done

    def _done_before(self, job: Job) -> Result | None:
        """Returns the result of a finished tar, or of an image whose input is removed; None for all that can be redone.

        An output that is there is no proof: its input may have to be removed yet, and its losses are not known.
        """
        if job.tar is not None:
            from cnncompress.batch.tar_marker import read_marker
            from cnncompress.batch.tar_shard import shard_result

            marker = None if job.replace or file_size(job.output) is None else read_marker(job.output)
            return None if marker is None else shard_result(job, marker)
        if not self._settings.remove or file_size(job.source) is not None:
            return None
        data = read_input(job.output)
        return replace(success(job, unpack(data), len(data), self._codecs), output_bytes=len(data))


def _failed(job: Job, error: Exception) -> Result:
    known = known_error(error)
    about = job.output if isinstance(known, OutputError) else job.source
    result = failure(job.source, known, output=job.output or None, about=about)
    return replace(result, trace="".join(traceback.format_exception(error)))
