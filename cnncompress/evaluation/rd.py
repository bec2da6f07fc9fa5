"""Rate, distortion and time of one codec on many images at many qualities."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from cnncompress.evaluation.environment import current_environment
from cnncompress.evaluation.metrics import Scorer
from cnncompress.evaluation.peers import ImageCodec, MeasurementError
from cnncompress.evaluation.results import CodecResults, Measurement
from cnncompress.evaluation.sources import image_name, load_rgb
from cnncompress.units import bits_per_pixel


def measure_codec(
    codec: ImageCodec, images: Sequence[Path], scorer: Scorer, progress: Callable[[str], object] = lambda image: None
) -> CodecResults:
    """Encodes, decodes and compares every image at every quality of the codec.

    The first image is run once untimed: loading weights and libraries is not counted as encode time.

    Args:
        codec: The codec.
        images: Image files, at least one; see `cnncompress.evaluation.sources.find_sources`.
        scorer: The metrics; most of them take longer than coding.
        progress: Called with the name of the image after each measurement.

    Raises:
        ImageError: An image cannot be read.
        MeasurementError: A decoded image has another size.
    """
    codec.decode(codec.encode(load_rgb(images[0]), codec.qualities[0]))
    rows = []
    for path in images:
        image = load_rgb(path)
        for quality in codec.qualities:
            rows.append(measure(codec, image_name(path), image, quality, scorer))
            progress(image_name(path))
    rows.sort(key=lambda row: (row.image, row.quality))
    return CodecResults(codec.name, codec.settings, current_environment(), tuple(rows), codec.fingerprint)


def measure(codec: ImageCodec, name: str, image: Image.Image, quality: float, scorer: Scorer) -> Measurement:
    """Measures one image at one quality.

    Values are rounded here to what they can mean, so that results read from a file equal those just measured.

    Args:
        codec: The codec.
        name: The image's name in the results.
        image: 8-bit RGB.
        quality: The codec's own quality.
        scorer: The metrics.

    Raises:
        MeasurementError: The decoded image has another size.
    """
    start = time.perf_counter()
    data = codec.encode(image, quality)
    encoded = time.perf_counter()
    decoded = codec.decode(data)
    end = time.perf_counter()
    if decoded.size != image.size:
        sizes = [f"{each.width}x{each.height}" for each in (decoded, image)]
        raise MeasurementError(f"{codec.name} made {sizes[0]} pixels of {name}, which has {sizes[1]}")
    return Measurement(
        image=name,
        quality=quality,
        width=image.width,
        height=image.height,
        file_bytes=len(data),
        bpp=round(bits_per_pixel(len(data), image.width, image.height), 6),
        encode_seconds=round(encoded - start, 5),
        decode_seconds=round(end - encoded, 5),
        scores=scorer(np.asarray(image), np.asarray(decoded)),
    )
