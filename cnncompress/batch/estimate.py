"""What a dry run shows of a job: the output that would be written, and its approximate size."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from cnncompress.batch.cnc_files import read_head
from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result, failure
from cnncompress.codec.rate_search import expected_bpp, quality_of_psnr
from cnncompress.codec.targets import TargetBpp, TargetPsnr, TargetSize, bytes_allowed
from cnncompress.errors import CnncompressError
from cnncompress.files.inputs import file_status
from cnncompress.images.fields.look import look_into
from cnncompress.images.guard import open_stream
from cnncompress.images.read import check_frame, opened
from cnncompress.model.manifest import Typical

_HEADER_BYTES = 22


def estimate(job: Job, settings: WorkSettings, typical: Typical) -> Result:
    """Estimates the result of a job from the header of its input alone.

    Args:
        job: The file.
        settings: How every file is processed.
        typical: Average rate and PSNR of the model by quality.

    Returns:
        A result with the status "planned", or a failure if the header already shows an error.
    """
    planned = Result("planned", job.source, job.output, action=job.action)
    try:
        status = file_status(job.source)
        if status is None:  # a pipe can be read only once
            return planned
        planned = replace(planned, input_bytes=status.st_size)
        if job.tar is not None:  # opening it would mean to read it
            return planned
        if job.action == "copy":
            return replace(planned, estimated_bytes=status.st_size)
        if job.action == "compress":
            width, height = _image_size(job.source, settings)
            size = _estimated_bytes(width * height, status.st_size, settings, typical)
            return replace(planned, estimated_bytes=size, width=width, height=height)
        header = read_head(Path(job.source)).header
        return replace(planned, width=header.width, height=header.height)
    except CnncompressError as error:
        return failure(job.source, error, output=job.output)


def _estimated_bytes(pixels: int, input_bytes: int, settings: WorkSettings, typical: Typical) -> int:
    if settings.encode.coding == "lossless":
        return input_bytes + _HEADER_BYTES
    quality = settings.quality
    if isinstance(quality, (TargetSize, TargetBpp)):
        estimated = bytes_allowed(quality, pixels)
    else:
        expected = quality_of_psnr(typical, quality.decibels) if isinstance(quality, TargetPsnr) else quality / 100
        estimated = _HEADER_BYTES + math.ceil(pixels * expected_bpp(typical, expected) / 8)
    return min(estimated, input_bytes + _HEADER_BYTES) if settings.if_larger == "store" else estimated


def _image_size(path: str, settings: WorkSettings) -> tuple[int, int]:
    with open_stream(path) as stream:
        look = look_into(stream, settings.image.frame)
        with opened(stream, look, settings.image) as (image, _):
            check_frame(image, settings.image.frame)
            return image.size
