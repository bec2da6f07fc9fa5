"""Compresses or decompresses the images in a tar archive: one tar in, one tar out, member by member."""

from __future__ import annotations

import io
import tarfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from cnncompress.batch.cnc_files import SAME, ending_in_stream, read_cnc_stream, record_for
from cnncompress.batch.decode import restore
from cnncompress.batch.encode import Input, code
from cnncompress.batch.inputs import CNC
from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import MemberFailure, Result, TarReport, known_error
from cnncompress.batch.outputs import DEFAULT_ENDING, compressed_name, decompressed_name
from cnncompress.batch.request import TarWork
from cnncompress.batch.resources import PixelBudget, memory_errors
from cnncompress.batch.tar_marker import Marker, input_name, marker_path
from cnncompress.batch.tar_members import Contents, TarWriter, members
from cnncompress.batch.tar_samples import Samples
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.unpacking import parse
from cnncompress.errors import (
    SOME_FAILED_EXIT_CODE,
    CnncompressError,
    Corrupt,
    DeviceError,
    LimitExceeded,
    ModelError,
    PlanError,
    UnreadableImage,
)
from cnncompress.files.inputs import file_facts, local_input, open_input
from cnncompress.files.outputs import open_output, write_output
from cnncompress.images.formats import is_image_ending, output_format
from cnncompress.units import plural

INTERRUPTED = "interrupted"


class _Interrupted(Exception):
    """The run is to end, and the tar is not finished."""


def run_shard(
    job: Job,
    settings: WorkSettings,
    codecs: CodecCache,
    budget: PixelBudget,
    progress: Progress = unwatched,
    stopping: Callable[[], bool] = lambda: False,
) -> Result:
    """Compresses or decompresses the images in a tar archive, and copies its other members.

    Members keep their order and keys: ``a.jpg`` becomes ``a.cnc``. An image that fails is left out and listed. Before
    the new tar appears under its name, complete, its marker is written.

    Args:
        job: The tar.
        settings: How every image is processed.
        codecs: Cache of the models.
        budget: Pixels that may be in memory at the same time.
        progress: Called as by `cnncompress.compress`.
        stopping: Called after each member; the tar is given up once it returns True.

    Returns:
        A success; a failure if images are missing in the new tar; skipped if the tar was given up.

    Raises:
        CnncompressError: The archive is damaged, or output or model cannot be used.
    """
    assert job.tar is not None
    start = time.perf_counter()
    conversion = _Conversion(job.action == "compress", job.tar, settings, codecs, budget, progress)
    facts = file_facts(job.source)  # before it is read: whoever changes it meanwhile must be noticed
    if facts is None:
        raise UnreadableImage("no such file")
    try:
        with (
            local_input(job.source) as path,
            open_input(path) as source,
            open_output(job.output, force=job.replace, new_folders=job.new_folders) as target,
        ):
            writer = TarWriter(target)
            for info, contents in members(source):
                conversion.pass_on(info, contents, writer)
                if stopping():  # which has ended the effort on this member, too, be it the last one
                    raise _Interrupted
            writer.close()
            marker = Marker(
                settings=job.tar.settings,
                input_name=input_name(job.source),
                input_bytes=facts.size,
                input_version=facts.version,
                output_bytes=target.tell(),
                seconds=round(time.perf_counter() - start, 3),
                report=conversion.report,
            )
            write_output(marker_path(job.output), marker.to_bytes(), force=True, new_folders=job.new_folders)
    except _Interrupted:
        return Result("skipped", job.source, job.output, reason=INTERRUPTED)
    return shard_result(job, marker, conversion.warnings)


def shard_result(job: Job, marker: Marker, warnings: tuple[str, ...] = ()) -> Result:
    """Returns the result of a finished tar.

    Args:
        job: The tar.
        marker: Its marker.
        warnings: One line for each kind of loss.
    """
    result = Result(
        "ok",
        job.source,
        job.output,
        input_bytes=marker.input_bytes,
        output_bytes=marker.output_bytes,
        warnings=warnings,
        tar=marker.report,
    )
    failed = len(marker.report.failures)
    if not failed:
        return result
    text = f"{failed} of {plural(marker.report.images + failed, 'image')} failed, and the rest was written"
    return replace(result, status="error", error=text, exit_code=SOME_FAILED_EXIT_CODE, about=job.source)


@dataclass(frozen=True)
class _Member:
    """An image as it goes into the new tar."""

    name: str
    data: bytes | memoryview
    pixels: int = 0
    losses: tuple[str, ...] = ()
    damage: Corrupt | None = None


@dataclass
class _Conversion:
    """Passes members on to the new tar, converted or as they are, and counts them."""

    compressing: bool
    work: TarWork
    settings: WorkSettings
    codecs: CodecCache
    budget: PixelBudget
    progress: Progress
    images: int = 0
    others: int = 0
    pixels: int = 0
    failures: list[MemberFailure] = field(default_factory=list)
    losses: Counter[str] = field(default_factory=Counter)
    _samples: Samples = field(default_factory=Samples)

    @property
    def report(self) -> TarReport:
        """What became of the members so far."""
        return TarReport(self.images, self.others, self.pixels, tuple(self.failures))

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line for each kind of loss, and one about scattered samples."""
        losses = (f"{loss} ({plural(count, 'image')})" for loss, count in self.losses.items())
        return (*self._samples.warnings, *losses)

    def pass_on(self, info: tarfile.TarInfo, contents: Contents | None, writer: TarWriter) -> None:
        """Writes what becomes of a member; an image that fails is left out."""
        if contents is not None:
            self._samples.see(info.name)
        if contents is None or not self._is_image(info.name):
            if info.isdir() or self._is_free(info.name):
                writer.add(info, info.name, info.size, contents)
                self.others += 1
            return
        limit = self.settings.image.limits.memory
        if info.size > limit:
            self._leave_out(info.name, LimitExceeded(f"{info.size} bytes are more than the memory limit of {limit}"))
            return
        data = contents.read()
        try:
            with memory_errors("this image"):
                member = self._compressed(info.name, data) if self.compressing else self._decompressed(info.name, data)
        except Exception as error:
            if isinstance(error, DeviceError) or (self.compressing and isinstance(error, ModelError)):
                raise  # would be the end of all others too
            self._leave_out(info.name, known_error(error))
            return
        if self._is_free(member.name, info.name):
            writer.add(info, member.name, len(member.data), io.BytesIO(member.data))
            self.images += 1
            self.pixels += member.pixels
            self.losses.update(member.losses)
            if member.damage is not None:
                self._leave_out(info.name, member.damage)

    def _is_image(self, name: str) -> bool:
        ending = PurePosixPath(name).suffix[1:]
        return is_image_ending(ending) if self.compressing else ending.lower() == CNC

    def _compressed(self, name: str, data: bytes) -> _Member:
        new = _renamed(name, lambda last: compressed_name(last, append_suffix=self.work.append_suffix))
        record = record_for(name, len(data))
        coded = code(Input(data, len(data), None), record, self.settings, self.codecs, self.budget, self.progress)
        if coded is None:  # would not be smaller, and is to be kept as it is
            return _Member(name, data)
        header = coded.container.header
        damage = coded.error if coded.damage else None
        return _Member(new, coded.data, header.width * header.height, (*coded.losses, *coded.damage), damage)

    def _decompressed(self, name: str, data: bytes) -> _Member:
        data = read_cnc_stream(io.BytesIO(data), self.settings.image.limits)
        chosen = None if self.settings.format == SAME else self.settings.format
        ending = chosen or ending_in_stream(io.BytesIO(data), name, self.settings.format) or DEFAULT_ENDING
        new = _renamed(name, lambda last: decompressed_name(last, ending))
        parsed = parse(data, keep_going=self.settings.keep_going)
        wanted = chosen or output_format(new)
        image = restore(parsed, wanted, self.settings, self.codecs, self.budget, self.progress)
        header = parsed.container.header
        damage = Corrupt(f"{'; '.join(image.parts_lost)}; the rest was written") if image.parts_lost else None
        return _Member(new, image.data, header.width * header.height, image.feature_losses, damage)

    def _is_free(self, name: str, source: str | None = None) -> bool:
        """Checks that no other member of the new tar has a name, and reserves it; else the member is left out."""
        if self._samples.take(name):
            return True
        text = "the archive has another member of this name"
        if source not in (None, name):
            text = f"would become {name}, which its sample has already; --append-suffix keeps the endings"
        self._leave_out(source or name, PlanError(text))
        return False

    def _leave_out(self, name: str, error: CnncompressError) -> None:
        self.failures.append(MemberFailure(name, str(error), error.exit_code))


def _renamed(name: str, rename: Callable[[str], str]) -> str:
    folder, slash, last = name.rpartition("/")
    return folder + slash + rename(last)
