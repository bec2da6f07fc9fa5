"""Codes an image until its file is what was asked for: by the bytes of whole files, and the pixels that they give."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cnncompress.errors import Unreachable
from cnncompress.images.source import Plane, SourceImage
from cnncompress.images.write import shown_colours
from cnncompress.quality_search import Window, find_quality
from cnncompress.targets import Target, TargetPsnr, bytes_allowed
from cnncompress.typical import PSNR_SLOPE, RATE_SLOPE, quality_of_psnr, quality_of_rate

SIZE_TOLERANCE = 0.02
"""How much smaller than asked for a file may be, as a share of the size."""

PSNR_TOLERANCE = 0.05
"""How much better than asked for an image may be, in dB."""

_PEAK = 255.0
_IDENTICAL_DB = 100.0


def reach(
    target: Target,
    image: SourceImage,
    file_at: Callable[[int], bytes],
    colours_of: Callable[[bytes], Plane],
    lossless: bytes | None = None,
) -> bytes:
    """Searches for the quality that makes the file that was asked for.

    Args:
        target: what is asked for.
        image: what is coded.
        file_at: makes a whole .cnc file at a quality, in hundredths; is called eight times at most.
        colours_of: decodes one: uint8 [H, W, 3].
        lossless: a file that gives the image back as it is, if it may be chosen too.

    Returns:
        The file; see :mod:`cnncompress.targets` for how near it comes.

    Raises:
        Unreachable: not even quality 0 is small enough, or quality 100 good enough.
    """
    if isinstance(target, TargetPsnr):
        try:
            return _reach_psnr(target.decibels, image, file_at, colours_of)
        except Unreachable:
            if lossless is None:
                raise
            return lossless
    width, height = image.size
    allowed = bytes_allowed(target, width * height)
    if lossless is not None and len(lossless) <= allowed:
        return lossless
    return _reach_size(allowed, width * height, file_at)


def _reach_size(size: int, pixels: int, file_at: Callable[[int], bytes]) -> bytes:
    files: dict[int, bytes] = {}

    def log_size(quality: int) -> float:
        files[quality] = file_at(quality)
        return math.log(len(files[quality]))

    allowed = max(size, 1)
    window = Window(math.log(allowed * (1 - SIZE_TOLERANCE)), math.log(allowed), "high", RATE_SLOPE)
    found = find_quality(window, log_size, round(100 * quality_of_rate(8 * allowed / pixels)))
    if found is None:
        raise Unreachable(f"cannot be brought to {size} bytes: has {len(files[min(files)])} at quality 0")
    return files[found]


def _reach_psnr(
    wanted: float, image: SourceImage, file_at: Callable[[int], bytes], colours_of: Callable[[bytes], Plane]
) -> bytes:
    files: dict[int, bytes] = {}
    reached: dict[int, float] = {}
    original = shown_colours(image.colour, image.layout)

    def psnr_at(quality: int) -> float:
        files[quality] = file_at(quality)
        reached[quality] = _psnr(original, shown_colours(colours_of(files[quality]), image.layout))
        return reached[quality]

    window = Window(wanted, wanted + PSNR_TOLERANCE, "low", PSNR_SLOPE)
    found = find_quality(window, psnr_at, round(100 * quality_of_psnr(wanted)))
    if found is None:
        best = max(reached)
        raise Unreachable(f"cannot be brought to {wanted:g} dB: has {reached[best]:.2f} at quality {best / 100:g}")
    return files[found]


def _psnr(original: Plane, decoded: Plane) -> float:
    mean_square = float(np.mean(np.square(original.astype(np.int32) - decoded), dtype=np.float64))
    if mean_square == 0.0:
        return _IDENTICAL_DB
    return 10.0 * math.log10(_PEAK**2 / mean_square)
