""".cnc file in, image file out; or nothing, where it is only tested."""

from __future__ import annotations

import io
from dataclasses import replace

from cnncompress.batch.cnc_files import read_cnc
from cnncompress.batch.file_warnings import file_warnings
from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result, success
from cnncompress.batch.outputs import DEFAULT_ENDING
from cnncompress.batch.resources import PixelBudget
from cnncompress.bitstream.container import Container
from cnncompress.bitstream.reading import ParsedFile
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.packing import Decoded, OriginalFile, parse, unpack_plain
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.errors import Corrupt, PartLost
from cnncompress.files import STANDARD_STREAM, file_status, write_output
from cnncompress.images.formats import output_format
from cnncompress.images.write import save_image


def decode(
    job: Job, settings: WorkSettings, codecs: CodecCache, budget: PixelBudget, progress: Progress = unwatched
) -> Result:
    """Decompresses a .cnc file and writes the image.

    Returns:
        A success; or, if the file is damaged and what is left was written, a failure.

    Raises:
        CnncompressError: whatever is wrong with input, output, model or limits.
    """
    status = file_status(job.source)
    with file_warnings() as losses, file_warnings(PartLost) as parts:
        parsed, size = _read(job, settings)
        with budget.taken(_pixels(parsed)):
            decoded = codecs.decode(parsed, settings.view, settings.keep_going, progress)
        output = _file_of(decoded, parsed.container, job, settings)
    write_output(
        job.output,
        output,
        force=job.replace,
        like=status if settings.preserve else None,
        new_folders=job.new_folders,
    )
    result = success(job, parsed.container, size, codecs)
    result = replace(result, input_bytes=size, output_bytes=len(output), warnings=(*losses, *parts))
    return _damaged(result, len(parts)) if parts else result


def decode_only(
    job: Job, settings: WorkSettings, codecs: CodecCache, budget: PixelBudget, progress: Progress = unwatched
) -> Result:
    """Decodes a .cnc file, all of it, and writes nothing.

    Raises:
        CnncompressError: whatever is wrong with input, model or limits.
    """
    parsed, size = _read(job, settings)
    with file_warnings(), budget.taken(_pixels(parsed)):
        decoded = codecs.decode(parsed, settings.view, settings.keep_going, progress)
        if isinstance(decoded, OriginalFile):
            unpack_plain(parsed.container)
    return replace(success(job, parsed.container, size, codecs), input_bytes=size)


def _read(job: Job, settings: WorkSettings) -> tuple[ParsedFile, int]:
    """Returns a file, taken apart, and its size in bytes."""
    data = read_cnc(job.source, settings.image.max_pixels, settings.image.max_dim)
    return parse(data, settings.keep_going), len(data)


def _pixels(parsed: ParsedFile) -> int:
    return parsed.container.header.width * parsed.container.header.height


def _damaged(result: Result, parts: int) -> Result:
    places = "1 place" if parts == 1 else f"{parts} places"
    error = Corrupt(f"damaged in {places}, and what is left was written")
    return replace(result, status="error", error=str(error), exit_code=error.exit_code, about=result.input)


def _file_of(decoded: Decoded, container: Container, job: Job, settings: WorkSettings) -> bytes | memoryview:
    named = None if job.output == STANDARD_STREAM else output_format(job.output)
    wanted = settings.format or named
    if isinstance(decoded, OriginalFile):
        if wanted in (None, decoded.format, output_format(f"original.{decoded.format}")):
            return decoded.data
        decoded = unpack_plain(container)
    stream = io.BytesIO()
    save_image(decoded, stream, wanted or DEFAULT_ENDING)
    return stream.getbuffer()  # not a copy
