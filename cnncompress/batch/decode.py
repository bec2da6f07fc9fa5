"""Decompresses a .cnc file to an image file, or decodes it as a test only."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

from cnncompress.batch.cnc_files import SAME, read_cnc
from cnncompress.batch.groups import Steps
from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result, success
from cnncompress.batch.outputs import DEFAULT_ENDING
from cnncompress.batch.resources import PixelBudget
from cnncompress.bitstream.ancillary import read_source
from cnncompress.bitstream.reading import ParsedFile
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.together import FileDecoder
from cnncompress.codec.unpacking import original_of, parse
from cnncompress.errors import Corrupt
from cnncompress.files.inputs import file_status
from cnncompress.files.kinds import STANDARD_STREAM
from cnncompress.files.outputs import write_output
from cnncompress.images.formats import FORMATS_WITH_QUALITY, output_format
from cnncompress.images.view import View
from cnncompress.images.write import save_image


def decode(
    job: Job, settings: WorkSettings, codecs: CodecCache, budget: PixelBudget, progress: Progress = unwatched
) -> Steps[Result]:
    """Decompresses a .cnc file and writes the image.

    Args:
        job: The file.
        settings: How every file is processed.
        codecs: Cache of the models.
        budget: Pixels that may be in memory at the same time.
        progress: Called as by `cnncompress.decompress`.

    Returns:
        A success; a failure if the file is damaged and its intact parts were written.

    Raises:
        CnncompressError: Input, output or model cannot be used, or a limit is exceeded.
    """
    status = file_status(job.source)
    parsed, size = _read(job, settings)
    wanted = _format(job, parsed, settings)
    written = yield from restore(parsed, wanted, settings, codecs, budget, progress)
    write_output(
        job.output,
        written.data,
        force=job.replace,
        like=status if settings.preserve else None,
        new_folders=job.new_folders,
    )
    result = success(job, parsed.container, size, codecs)
    losses = (*written.feature_losses, *written.parts_lost)
    if settings.format == SAME and written.size is not None and wanted in (None, DEFAULT_ENDING):
        losses = (*_another_kind(parsed), *losses)
    if written.size is not None:
        result = replace(result, width=written.size[0], height=written.size[1])
    result = replace(result, input_bytes=size, output_bytes=len(written.data), warnings=losses)
    return _damaged(result, len(written.parts_lost)) if written.parts_lost else result


def decode_only(
    job: Job, settings: WorkSettings, codecs: CodecCache, budget: PixelBudget, progress: Progress = unwatched
) -> Steps[Result]:
    """Decodes a whole .cnc file and writes nothing; arguments as for `decode`.

    Raises:
        CnncompressError: Input or model cannot be used, or a limit is exceeded.
    """
    parsed, size = _read(job, settings)
    decoder = FileDecoder(parsed, View(), codecs.limits, codecs.decoder)
    yield decoder
    with budget.taken(decoder.pixels):
        decoder.decode(progress)
    return replace(success(job, parsed.container, size, codecs), input_bytes=size)


def _read(job: Job, settings: WorkSettings) -> tuple[ParsedFile, int]:
    """Returns the parsed file and its size in bytes."""
    data = read_cnc(job.source, settings.image.limits)
    return parse(data, keep_going=settings.keep_going), len(data)


def _format(job: Job, parsed: ParsedFile, settings: WorkSettings) -> str | None:
    """Returns the format of the image file; None for png, and for a stored original its own."""
    if settings.format not in (None, SAME):
        return settings.format
    named = None if job.output == STANDARD_STREAM else output_format(job.output)
    if named is None and settings.format == SAME:
        source = read_source(parsed.container)
        return None if source is None else output_format(f"image.{source.ending}")
    return named


def _another_kind(parsed: ParsedFile) -> tuple[str, ...]:
    """Returns a line if an image was not of the kind that it is written as, or may not have been."""
    source = read_source(parsed.container)
    if source is None:
        return (f"does not tell what it was made from, and becomes a {DEFAULT_ENDING}",)
    if output_format(f"image.{source.ending}") == DEFAULT_ENDING:
        return ()
    return (f"images cannot be written as {source.ending or 'a file without ending'}; becomes a {DEFAULT_ENDING}",)


def _damaged(result: Result, parts: int) -> Result:
    places = "1 place" if parts == 1 else f"{parts} places"
    error = Corrupt(f"damaged in {places}; the intact parts were written")
    return replace(result, status="error", error=str(error), exit_code=error.exit_code, about=result.input)


@dataclass(frozen=True)
class ImageFile:
    """An image file.

    Attributes:
        data: Its bytes.
        feature_losses: One line for each property of the image that it lacks.
        parts_lost: One line for each part of the .cnc file that is damaged.
        size: Width and height in pixels; None for a stored original.
    """

    data: bytes | memoryview
    feature_losses: tuple[str, ...] = ()
    parts_lost: tuple[str, ...] = ()
    size: tuple[int, int] | None = None


def restore(
    parsed: ParsedFile,
    wanted: str | None,
    settings: WorkSettings,
    codecs: CodecCache,
    budget: PixelBudget,
    progress: Progress = unwatched,
) -> Steps[ImageFile]:
    """Makes the image file of a .cnc file; other arguments as for `decode`.

    Args:
        parsed: The .cnc file.
        wanted: Format of the image file; None for png, and for stored originals their own.

    Raises:
        CnncompressError: The file is damaged, its model cannot be used, or a limit is exceeded.
    """
    stored = _stored(parsed, wanted, settings)
    if stored is not None:
        return stored
    decoder = FileDecoder(parsed, settings.view, codecs.limits, codecs.decoder)
    yield decoder
    with budget.taken(decoder.pixels):
        decoded = decoder.decode(progress)
        stream = io.BytesIO()
        kind = wanted or DEFAULT_ENDING
        quality = settings.output_quality if kind in FORMATS_WITH_QUALITY else None
        unwritten = save_image(decoded.image, stream, kind, quality)
        # The buffer is not a copy.
        losses = (*decoded.feature_losses, *unwritten)
        return ImageFile(stream.getbuffer(), losses, decoded.parts_lost, decoded.image.size)


def _stored(parsed: ParsedFile, wanted: str | None, settings: WorkSettings) -> ImageFile | None:
    """Returns the unchanged original, unless another format or a part of the image is wanted."""
    original = original_of(parsed.container) if settings.view.is_whole else None
    if original is None:
        return None
    own = (None, original.format, output_format(f"original.{original.format}"))
    return ImageFile(original.data, (), parsed.parts_lost) if wanted in own else None
