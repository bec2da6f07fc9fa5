"""What a dry run can tell of a job: what would be made, and about how large."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image

from cnncompress.batch.heads import read_start
from cnncompress.batch.jobs import Job
from cnncompress.batch.records import Result, failure
from cnncompress.batch.settings import WorkSettings
from cnncompress.codec.container import unpack_head
from cnncompress.errors import CnncompressError
from cnncompress.files import file_status
from cnncompress.images.guard import INPUT_FORMATS, decoder_errors, limit_lifted, open_stream
from cnncompress.images.limits import check_size

# Mean rate of the Kodak images in bits per pixel, at quality 0, 10, .. 100 (docs/results/kodak.json).
_RATES = (0.071, 0.109, 0.168, 0.257, 0.386, 0.557, 0.78, 1.058, 1.385, 1.761, 2.182)
_HEADER_BYTES = 31


def estimate(job: Job, settings: WorkSettings) -> Result:
    """Looks into a file's header and nothing else.

    Returns:
        A result with the status "planned", or the error that can be seen already.
    """
    try:
        status = file_status(job.source)
        if status is None:  # a pipe is gone once it is looked into
            return Result("planned", job.source, job.target)
        if job.action == "copy":
            return Result("planned", job.source, job.target, status.st_size, status.st_size)
        if job.action == "compress":
            width, height = _image_size(job.source, settings)
            size = _estimated_bytes(width * height, status.st_size, settings)
            return Result("planned", job.source, job.target, status.st_size, size, width, height)
        with Path(job.source).open("rb") as stream:
            header = unpack_head(read_start(stream)).header
        return Result("planned", job.source, job.target, status.st_size, None, header.width, header.height)
    except CnncompressError as error:
        return failure(job.source, error, output=job.target)


def _estimated_bytes(pixels: int, input_bytes: int, settings: WorkSettings) -> int:
    if settings.lossless:
        return input_bytes + _HEADER_BYTES
    place = settings.quality / 100 * (len(_RATES) - 1)
    low = min(int(place), len(_RATES) - 2)
    rate = math.exp(math.log(_RATES[low]) + (place - low) * math.log(_RATES[low + 1] / _RATES[low]))
    estimated = _HEADER_BYTES + math.ceil(pixels * rate / 8)
    return min(estimated, input_bytes + _HEADER_BYTES) if settings.if_larger == "store" else estimated


def _image_size(path: str, settings: WorkSettings) -> tuple[int, int]:
    with open_stream(path) as stream:
        with decoder_errors("not a picture in a format that can be read"), limit_lifted():
            image = Image.open(stream, formats=INPUT_FORMATS)
        with image:
            check_size(image.width, image.height, settings.image.max_pixels, settings.image.max_dim)
            return image.size
