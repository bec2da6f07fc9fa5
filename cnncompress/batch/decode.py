""".cnc file in, image file out; or nothing, where it is only tested."""

from __future__ import annotations

import io
from dataclasses import replace

from PIL import Image

from cnncompress.api import Decoded, decompress_file
from cnncompress.assembly import OriginalFile, unpack_image
from cnncompress.batch.budget import PixelBudget
from cnncompress.batch.jobs import Job
from cnncompress.batch.losses import collect_losses
from cnncompress.batch.naming import DEFAULT_ENDING
from cnncompress.batch.reading import read_cnc
from cnncompress.batch.records import Result
from cnncompress.batch.settings import WorkSettings
from cnncompress.codec.container import Container, unpack
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.salvage import salvage
from cnncompress.errors import Corrupt, PartLost
from cnncompress.files import STANDARD_STREAM, file_status, write_output
from cnncompress.formats import output_format
from cnncompress.images.write import save_image
from cnncompress.loaded import Models


def decode(
    job: Job, settings: WorkSettings, models: Models, budget: PixelBudget, progress: Progress = unwatched
) -> Result:
    """Decompresses a .cnc file and writes the image.

    Returns:
        A success; or, if the file is damaged and what is left was written, a failure.

    Raises:
        CnncompressError: whatever is wrong with input, output, model or limits.
    """
    status = file_status(job.source)
    container, data = _read(job, settings)
    with collect_losses() as losses, collect_losses(PartLost) as parts:
        with budget.taken(container.header.width * container.header.height):
            decoded = _decoded(container, data, settings, models, progress)
        output = _file_of(decoded, container, job, settings)
    write_output(
        job.target,
        output,
        force=job.replace,
        like=status if settings.preserve else None,
        new_folders=job.new_folders,
    )
    result = _result(job, container, data, models, output_bytes=len(output), warnings=(*losses, *parts))
    return _damaged(result, len(parts)) if parts else result


def decode_only(
    job: Job, settings: WorkSettings, models: Models, budget: PixelBudget, progress: Progress = unwatched
) -> Result:
    """Decodes a .cnc file, all of it, and writes nothing.

    Raises:
        CnncompressError: whatever is wrong with input, model or limits.
    """
    container, data = _read(job, settings)
    with collect_losses(), budget.taken(container.header.width * container.header.height):
        decoded = _decoded(container, data, settings, models, progress)
        if isinstance(decoded, OriginalFile):
            unpack_image(container)
    return _result(job, container, data, models)


def _read(job: Job, settings: WorkSettings) -> tuple[Container, bytes]:
    data = read_cnc(job.source, settings.image.max_pixels, settings.image.max_dim)
    return (salvage(data).container if settings.keep_going else unpack(data)), data


def _decoded(container: Container, data: bytes, settings: WorkSettings, models: Models, progress: Progress) -> Decoded:
    view, keep_going = settings.view, settings.keep_going
    if container.coding == "learned":
        codec = models.decoder(container.header.fingerprint)
        return codec.decompress_file(data, view=view, keep_going=keep_going, progress=progress)
    return decompress_file(
        data,
        max_pixels=models.max_pixels,
        max_dim=models.max_dim,
        memory_limit=models.memory_limit,
        view=view,
        keep_going=keep_going,
    )


def _damaged(result: Result, parts: int) -> Result:
    places = "1 place" if parts == 1 else f"{parts} places"
    error = Corrupt(f"damaged in {places}, and what is left was written")
    return replace(result, status="error", error=str(error), exit_code=error.exit_code, about=result.input)


def _file_of(decoded: Decoded, container: Container, job: Job, settings: WorkSettings) -> bytes | memoryview:
    named = None if job.target == STANDARD_STREAM else output_format(job.target)
    wanted = settings.format or named
    image: Image.Image | None
    if isinstance(decoded, OriginalFile):
        if wanted in (None, decoded.format, output_format(f"original.{decoded.format}")):
            return decoded.data
        image = unpack_image(container)
    else:
        image = decoded
    if image is None:
        raise ValueError("neither an image nor an original")
    stream = io.BytesIO()
    save_image(image, stream, wanted or DEFAULT_ENDING)
    return stream.getbuffer()  # not a copy


def _result(
    job: Job,
    container: Container,
    data: bytes,
    models: Models,
    *,
    output_bytes: int | None = None,
    warnings: tuple[str, ...] = (),
) -> Result:
    header, learned = container.header, container.coding == "learned"
    codec = models.decoder(header.fingerprint) if learned else None
    return Result(
        "ok",
        job.source,
        job.target or None,
        input_bytes=len(data),
        output_bytes=output_bytes,
        width=header.width,
        height=header.height,
        mode=header.layout.mode,
        coding=container.coding,
        quality=header.quality if learned else None,
        bpp=round(8 * len(data) / (header.width * header.height), 4),
        model=codec.model if codec else None,
        device=str(codec.device) if codec else None,
        warnings=warnings,
    )
