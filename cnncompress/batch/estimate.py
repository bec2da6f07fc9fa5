"""What a dry run shows of a job: the output that would be written, and its approximate size."""

from __future__ import annotations

import math
from dataclasses import replace

from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result, failure
from cnncompress.bitstream.reading import read_head
from cnncompress.codec.rate_search import expected_bpp, quality_of_psnr
from cnncompress.codec.targets import TargetBpp, TargetPsnr, TargetSize, bytes_allowed
from cnncompress.errors import CnncompressError, Truncated, UnsupportedImage
from cnncompress.files.inputs import file_status, open_input
from cnncompress.images.fields.look import look_into
from cnncompress.images.guard import check_limits, open_stream
from cnncompress.images.opening import check_frame, header_losses, opened
from cnncompress.model.manifest import Typical

_HEADER_BYTES = 22


def estimate(job: Job, settings: WorkSettings, typical: Typical) -> Result:
    """Estimates the result of a job from the header of its input alone.

    Args:
        job: The file.
        settings: How every file is processed.
        typical: Average rate and PSNR of the model by quality.

    Returns:
        A result with the status "planned", or a failure if the header already shows an error. Warnings are of losses
        that show before pixels are decoded.
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
            return _compression(planned, status.st_size, settings, typical)
        with open_input(job.source) as stream:
            head = read_head(stream)
        header = head.header
        settings.image.limits.check_size(header.width, header.height)
        if status.st_size < head.file_bytes and not settings.keep_going:
            raise Truncated(f"{head.file_bytes - status.st_size} of {head.file_bytes} bytes are missing")
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


def _compression(planned: Result, input_bytes: int, settings: WorkSettings, typical: Typical) -> Result:
    with open_stream(planned.input) as stream:
        fields = look_into(stream, settings.image.frame)
        with opened(stream, fields, settings.image) as (image, mended):
            check_frame(image, settings.image.frame)
            check_limits(image, settings.image.limits)
            losses = header_losses(image, mended, fields)
            width, height = image.size
    if losses and settings.image.strict:
        raise UnsupportedImage(f"strict: {losses[0]}")
    size = _estimated_bytes(width * height, input_bytes, settings, typical)
    return replace(planned, estimated_bytes=size, width=width, height=height, warnings=losses)
