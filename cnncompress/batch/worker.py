"""Runs jobs one after the other, and turns every error into a result."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace

from cnncompress.batch.decode import decode, decode_only
from cnncompress.batch.encode import encode
from cnncompress.batch.jobs import Engine, Job, WorkSettings
from cnncompress.batch.outcomes import Result, failure
from cnncompress.batch.outputs import apply_overwrite_policy
from cnncompress.batch.request import Existing
from cnncompress.batch.resources import PixelBudget, memory_errors
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.errors import CnncompressError, DeviceError, OutputError, OutputExists
from cnncompress.files import copy_file, file_status


class Worker:
    """Runs jobs; any number of threads may use one worker at the same time."""

    def __init__(self, settings: WorkSettings, engine: Engine, progress: Progress = unwatched) -> None:
        """Stores the arguments; the model is loaded by `prepare` or by the first job that needs it.

        Args:
            settings: How every file is processed.
            engine: How the networks are run.
            progress: Called with the progress on one image.
        """
        self._progress = progress
        self._settings = settings
        self._engine = engine
        self._budget = PixelBudget()
        self._codecs = CodecCache(
            engine.model, engine.device, settings.image.limits, engine.engine, engine.precision, engine.threads
        )

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
        """Runs a job.

        Returns:
            The result, a failure for every error but the following.

        Raises:
            DeviceError: The device is not available, so that all other jobs would fail too.
            BrokenPipeError: The reader of the output has closed it.
        """
        start = time.perf_counter()
        try:
            with memory_errors("this image"):
                result = self._done_or_skipped(job)
        except (DeviceError, BrokenPipeError):
            raise
        except Exception as error:
            result = _failed(job, error)
        return replace(result, seconds=round(time.perf_counter() - start, 4))

    def _done_or_skipped(self, job: Job) -> Result:
        """Does the work; the policy for existing outputs is applied to what other runs have written meanwhile."""
        if job.existing in (Existing.SKIP, Existing.UPDATE):
            now = apply_overwrite_policy(job, job.existing)
            if isinstance(now, Result):
                return now
            job = now
        try:
            return self._done(job)
        except OutputExists:
            now = apply_overwrite_policy(job, job.existing)
            if job.existing is Existing.REFUSE or not isinstance(now, Result):
                raise
            return now

    def _done(self, job: Job) -> Result:
        if job.action == "copy":
            status = file_status(job.source) if self._settings.preserve else None
            size = copy_file(job.source, job.output, force=job.replace, like=status)
            return Result("copied", job.source, job.output, input_bytes=size, output_bytes=size)
        work = {"compress": encode, "decompress": decode, "test": decode_only}[job.action]
        return work(job, self._settings, self._codecs, self._budget, self._progress)


def _failed(job: Job, error: Exception) -> Result:
    known = error if isinstance(error, CnncompressError) else _bug(error)
    about = job.output if isinstance(known, OutputError) else job.source
    result = failure(job.source, known, output=job.output or None, about=about)
    return replace(result, trace="".join(traceback.format_exception(error)))


def _bug(error: Exception) -> CnncompressError:
    return CnncompressError(f"internal error: {type(error).__name__}: {error}; -vv shows where")
