"""Compresses or decompresses the images in a tar archive: one tar in, one tar out, member by member."""

from __future__ import annotations

import io
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import IO

from cnncompress.batch.cnc_files import SAME, ending_in_stream, read_cnc_stream, record_for
from cnncompress.batch.decode import restore
from cnncompress.batch.encode import Input, code
from cnncompress.batch.groups import Group, Steps
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
LARGEST_WAITING = 1 << 20
"""Bytes of the largest member that is held in memory while images before it wait to be run together."""


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
            group: Group[_Member] = Group(budget)
            for info, contents in members(source):
                if len(group) and info.size > LARGEST_WAITING:
                    conversion.write_all(group.end(), writer)
                conversion.write_all(group.add(conversion.member(info, contents, wait=len(group) > 0)), writer)
                if stopping():  # which has ended the effort on this member, too, be it the last one
                    raise _Interrupted
            conversion.write_all(group.end(), writer)
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
    """What becomes of a member of the old tar.

    Attributes:
        info: Its header.
        name: Its name in the new tar.
        contents: What it has there; None for folders and links.
        size: Of the contents.
        is_image: Whether it is one of the images that are converted.
        pixels: Of the image.
        losses: One line for each property that the image lost.
        error: What is wrong with the image.
        has_failed: Whether the image is left out.
    """

    info: tarfile.TarInfo
    name: str
    contents: Contents | IO[bytes] | None
    size: int
    is_image: bool = False
    pixels: int = 0
    losses: tuple[str, ...] = ()
    error: CnncompressError | None = None
    has_failed: bool = False


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

    def member(self, info: tarfile.TarInfo, contents: Contents | None, *, wait: bool) -> Steps[_Member]:
        """Converts a member.

        Args:
            info: Its header.
            contents: Its contents.
            wait: Whether the result will wait for others, so that contents have to be read at once.
        """
        if contents is not None:
            self._samples.see(info.name)
        if contents is None or not self._is_image(info.name):
            kept = io.BytesIO(contents.read()) if wait and contents is not None else contents
            return _Member(info, info.name, kept, info.size)
        limit = self.settings.image.limits.memory
        if info.size > limit:
            return _failed(info, LimitExceeded(f"{info.size} bytes are more than the memory limit of {limit}"))
        data = contents.read()
        try:
            with memory_errors("this image"):
                return (yield from (self._compressed if self.compressing else self._decompressed)(info, data))
        except Exception as error:
            if isinstance(error, DeviceError) or (self.compressing and isinstance(error, ModelError)):
                raise  # would be the end of all others too
            return _failed(info, known_error(error))

    def write_all(self, converted: Iterable[_Member], writer: TarWriter) -> None:
        """Writes what became of members; an image that failed is left out."""
        for member in converted:
            name = member.info.name
            if not member.has_failed:
                if not (member.info.isdir() or self._is_free(member.name, name)):
                    continue
                writer.add(member.info, member.name, member.size, member.contents)
                self.images += member.is_image
                self.others += not member.is_image
                self.pixels += member.pixels
                self.losses.update(member.losses)
            if member.error is not None:
                self._leave_out(name, member.error)

    def _is_image(self, name: str) -> bool:
        ending = PurePosixPath(name).suffix[1:]
        return is_image_ending(ending) if self.compressing else ending.lower() == CNC

    def _compressed(self, info: tarfile.TarInfo, data: bytes) -> Steps[_Member]:
        name = info.name
        new = _renamed(name, lambda last: compressed_name(last, append_suffix=self.work.append_suffix))
        record = record_for(name, len(data))
        coded = yield from code(
            Input(data, len(data), None), record, self.settings, self.codecs, self.budget, self.progress
        )
        if coded is None:  # would not be smaller, and is to be kept as it is
            return _image(info, name, data)
        header = coded.container.header
        damage = coded.error if coded.damage else None
        losses = (*coded.losses, *coded.damage)
        return _image(info, new, coded.data, header.width * header.height, losses, damage)

    def _decompressed(self, info: tarfile.TarInfo, data: bytes) -> Steps[_Member]:
        name = info.name
        data = read_cnc_stream(io.BytesIO(data), self.settings.image.limits)
        chosen = None if self.settings.format == SAME else self.settings.format
        ending = chosen or ending_in_stream(io.BytesIO(data), name, self.settings.format) or DEFAULT_ENDING
        new = _renamed(name, lambda last: decompressed_name(last, ending))
        parsed = parse(data, keep_going=self.settings.keep_going)
        wanted = chosen or output_format(new)
        image = yield from restore(parsed, wanted, self.settings, self.codecs, self.budget, self.progress)
        header = parsed.container.header
        damage = Corrupt(f"{'; '.join(image.parts_lost)}; the rest was written") if image.parts_lost else None
        return _image(info, new, image.data, header.width * header.height, image.feature_losses, damage)

    def _is_free(self, name: str, source: str) -> bool:
        """Checks that no other member of the new tar has a name, and reserves it; else the member is left out."""
        if self._samples.take(name):
            return True
        text = "the archive has another member of this name"
        if source != name:
            text = f"would become {name}, which its sample has already; --append-suffix keeps the endings"
        self._leave_out(source, PlanError(text))
        return False

    def _leave_out(self, name: str, error: CnncompressError) -> None:
        self.failures.append(MemberFailure(name, str(error), error.exit_code))


def _image(
    info: tarfile.TarInfo,
    name: str,
    data: bytes | memoryview,
    pixels: int = 0,
    losses: tuple[str, ...] = (),
    damage: Corrupt | None = None,
) -> _Member:
    return _Member(info, name, io.BytesIO(data), len(data), is_image=True, pixels=pixels, losses=losses, error=damage)


def _failed(info: tarfile.TarInfo, error: CnncompressError) -> _Member:
    return _Member(info, info.name, None, 0, error=error, has_failed=True)


def _renamed(name: str, rename: Callable[[str], str]) -> str:
    folder, slash, last = name.rpartition("/")
    return folder + slash + rename(last)
