"""Compresses an image file to a .cnc file."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from cnncompress.batch.cnc_files import record_for
from cnncompress.batch.groups import Steps
from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result, success
from cnncompress.batch.resources import PixelBudget
from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.bitstream.container import Container, unpack
from cnncompress.bitstream.reading import ParsedFile
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.encoding import ImageEncoder
from cnncompress.codec.packing import pack_original
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.unpacking import original_of
from cnncompress.errors import (
    BitstreamError,
    Corrupt,
    LimitExceeded,
    ModelError,
    NotSmaller,
    OutputError,
    UnsupportedImage,
    VerificationFailed,
)
from cnncompress.files.inputs import file_status, read_input, read_once
from cnncompress.files.kinds import reason
from cnncompress.files.outputs import write_output
from cnncompress.images.opening import check_start
from cnncompress.images.read import read_image
from cnncompress.images.source import SourceImage

NOT_SMALLER = "would not be smaller"
KEPT = "the input is kept, as not all of it is in the .cnc file"


@dataclass(frozen=True)
class Input:
    """An image file.

    Attributes:
        source: Path of the file, or its bytes if it can be read only once.
        size: Length of the file in bytes.
        status: Status of the file from the system; None for a standard stream, device or pipe.
    """

    source: str | bytes
    size: int
    status: os.stat_result | None

    def read(self) -> bytes:
        """Returns the bytes of the file."""
        return self.source if isinstance(self.source, bytes) else read_input(self.source)


@dataclass(frozen=True)
class Coded:
    """A .cnc file that is not written yet.

    Attributes:
        data: Its bytes.
        container: The same, parsed.
        losses: One line for each property of the image that it does not keep.
        damage: One line for each part of the image's file that is damaged, and was mended or left out.
    """

    data: bytes
    container: Container
    losses: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()

    @property
    def error(self) -> Corrupt:
        """What is to be told of the damage."""
        return Corrupt("the input is damaged; it was compressed as repaired by its decoder")


def encode(
    job: Job, settings: WorkSettings, codecs: CodecCache, budget: PixelBudget, progress: Progress = unwatched
) -> Steps[Result]:
    """Compresses an image and writes the .cnc file.

    Args:
        job: The file.
        settings: How every file is processed.
        codecs: Cache of the models.
        budget: Pixels that may be in memory at the same time.
        progress: Called as by `cnncompress.compress`.

    Returns:
        A success; a failure if the image's file is damaged and what its decoder made of it was written.

    Raises:
        CnncompressError: Input, output or model cannot be used, or a limit is exceeded.
    """
    opened = _open(job.source, settings.image.limits.memory)
    record = record_for(job.source, opened.size) if job.record else None
    coded = yield from code(opened, record, settings, codecs, budget, progress)
    if coded is None:
        return Result("skipped", job.source, reason=NOT_SMALLER, input_bytes=opened.size)
    write_output(
        job.output,
        coded.data,
        force=job.replace,
        like=opened.status if settings.preserve else None,
        new_folders=job.new_folders,
        durable=settings.remove,
    )
    lost = (*coded.losses, *coded.damage)
    result = success(job, coded.container, len(coded.data), codecs)
    result = replace(result, input_bytes=opened.size, output_bytes=len(coded.data), warnings=lost)
    if settings.remove and lost:
        result = replace(result, warnings=(*lost, KEPT))
    elif settings.remove:
        _remove_input(job, coded.data)
    if not coded.damage:
        return result
    damaged = coded.error
    return replace(result, status="error", error=str(damaged), exit_code=damaged.exit_code, about=result.input)


def code(
    opened: Input,
    record: SourceRecord | None,
    settings: WorkSettings,
    codecs: CodecCache,
    budget: PixelBudget,
    progress: Progress = unwatched,
) -> Steps[Coded | None]:
    """Makes the .cnc file of an image, and verifies it if the settings ask for that; other arguments as for `encode`.

    Args:
        opened: The image.
        record: Record of its file, to be kept in the .cnc file.

    Returns:
        The file; None if it would not be smaller and the settings skip such images.

    Raises:
        CnncompressError: Input or model cannot be used, a limit is exceeded, or the new file is faulty.
    """
    image = read_image(opened.source, settings.image)
    encoder = ImageEncoder(
        image, settings.quality, settings.encode, codecs.encoder, settings.image.limits, record, progress
    )
    yield encoder
    with budget.taken(encoder.pixels):
        data = _coded(opened, image, encoder, settings, record)
        if settings.if_larger in ("skip", "fail") and len(data) >= opened.size:
            if settings.if_larger == "fail":
                raise NotSmaller(f"the .cnc file has {len(data)} bytes, the input {opened.size}")
            return None
        if settings.verify or settings.remove:
            verify(data, image, opened, codecs)
    container = unpack(data)
    if container.coding == "stored":  # which loses nothing
        return Coded(data, container)
    return Coded(data, container, image.losses, image.damage)


def verify(data: bytes, image: SourceImage, opened: Input, codecs: CodecCache) -> None:
    """Decodes a .cnc file and compares the result with the input.

    A lossless image or a stored original must be equal to the input. Of a lossy file only size and mode are compared,
    as its pixels depend on the quality. Decoding latents also checks that each payload ends exactly after its last
    symbol.

    Args:
        data: The .cnc file.
        image: The image that was compressed.
        opened: The file of the image.
        codecs: Cache of the models.

    Raises:
        VerificationFailed: The file cannot be decoded, or the result differs.
    """
    try:
        parsed = ParsedFile.whole(data)
        original = original_of(parsed.container)
        if original is not None:
            faithful = original.data == opened.read()
        else:
            decoded = codecs.decode(parsed).image
            faithful = decoded.size == image.size and decoded.mode == image.layout.mode
            if parsed.container.coding == "lossless":
                again = read_image(decoded)
                faithful = faithful and bool((again.colour == image.colour).all())
                faithful = faithful and (again.alpha is None or bool((again.alpha == image.alpha).all()))
    except (BitstreamError, LimitExceeded, ModelError) as error:
        raise VerificationFailed(f"the new file cannot be decoded: {error}") from error
    if not faithful:
        raise VerificationFailed("the decoded new file differs from the input")


def _open(source: str, limit: int) -> Input:
    status = file_status(source)
    if status is None:
        data = read_once(source, check_start, limit)
        return Input(data, len(data), None)
    return Input(source, status.st_size, status)


def _coded(
    opened: Input,
    image: SourceImage,
    encoder: ImageEncoder,
    settings: WorkSettings,
    record: SourceRecord | None,
) -> bytes:
    data = encoder.file()
    # The original still contains what --strip or --no-alpha remove.
    if settings.if_larger == "store" and len(data) > opened.size and not image.withheld:
        with contextlib.suppress(LimitExceeded, UnsupportedImage):
            data = min(pack_original(opened.read(), settings.image, record), data, key=len)
    return data


def _remove_input(job: Job, data: bytes) -> None:
    try:
        if read_input(job.output) != data:  # for example a device, which keeps nothing
            raise OutputError("does not contain what was written; the input is kept")
        Path(job.source).unlink()
    except OSError as error:
        raise OutputError(f"written, but {job.source} cannot be removed: {reason(error)}") from error
