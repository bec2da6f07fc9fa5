"""Finds the quality whose file meets a target, by encoding (for PSNR also decoding) whole files.

Each trial encodes an image, so the search interpolates between earlier trials (regula falsi) instead of bisecting. The
logarithm of the rate, and the PSNR, are nearly linear in the quality. The first guess comes from the model's typical
rates and PSNRs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cnncompress.codec.targets import Target, TargetPsnr, bytes_allowed
from cnncompress.errors import Unreachable
from cnncompress.images.source import Plane, SourceImage
from cnncompress.images.write import shown_colours
from cnncompress.model.manifest import Typical
from cnncompress.units import HIGHEST_QUALITY, LOWEST_QUALITY, Hundredths, hundredths_of

SIZE_TOLERANCE = 0.02
"""Accepted shortfall of a file's size below the target, as a share."""

PSNR_TOLERANCE = 0.05
"""Accepted PSNR above the target, in dB."""

_PEAK = 255.0
_IDENTICAL_DB = 100.0
_ROWS = 256
"""Rows compared at a time, since the differences take nine times the memory of the pixels."""

MAX_TRIALS = 8


def reach(
    target: Target,
    typical: Typical,
    image: SourceImage,
    file_at: Callable[[Hundredths], bytes],
    colours_of: Callable[[bytes], Plane],
) -> bytes:
    """Searches for the quality whose file meets a target.

    Args:
        target: The target.
        typical: Average rate and PSNR of the model by quality.
        image: The image.
        file_at: Returns the .cnc file of a quality; called at most eight times.
        colours_of: Decodes the colours of a file: uint8 ``[H, W, 3]``.

    Returns:
        The file; see `cnncompress.codec.targets` for the tolerances.

    Raises:
        Unreachable: The file of quality 0 is too large, or that of quality 100 does not reach the PSNR.
    """
    if isinstance(target, TargetPsnr):
        return _reach_psnr(target.decibels, typical, image, file_at, colours_of)
    width, height = image.size
    return _reach_size(bytes_allowed(target, width * height), typical, width * height, file_at)


def _reach_size(size: int, typical: Typical, pixels: int, file_at: Callable[[Hundredths], bytes]) -> bytes:
    files: dict[Hundredths, bytes] = {}

    def log_size(quality: Hundredths) -> float:
        files[quality] = file_at(quality)
        return math.log(len(files[quality]))

    allowed = max(size, 1)
    window = Window(math.log(allowed * (1 - SIZE_TOLERANCE)), math.log(allowed), "high", rate_slope(typical))
    found = find_quality(window, log_size, hundredths_of(quality_of_rate(typical, 8 * allowed / pixels)))
    if found is None:
        raise Unreachable(f"cannot be brought to {size} bytes: has {len(files[min(files)])} at quality 0")
    return files[found]


def _reach_psnr(
    wanted: float,
    typical: Typical,
    image: SourceImage,
    file_at: Callable[[Hundredths], bytes],
    colours_of: Callable[[bytes], Plane],
) -> bytes:
    files: dict[Hundredths, bytes] = {}
    reached: dict[Hundredths, float] = {}

    def psnr_at(quality: Hundredths) -> float:
        files[quality] = file_at(quality)
        reached[quality] = psnr_of(image, colours_of(files[quality]))
        return reached[quality]

    window = Window(wanted, wanted + PSNR_TOLERANCE, "low", _psnr_slope(typical))
    found = find_quality(window, psnr_at, hundredths_of(quality_of_psnr(typical, wanted)))
    if found is None:
        best = max(reached)
        raise Unreachable(f"cannot be brought to {wanted:g} dB: has {reached[best]:.2f} at quality {best / 100:g}")
    return files[found]


def psnr_of(image: SourceImage, colours: Plane) -> float:
    """Returns the PSNR of decoded colours, uint8 ``[H, W, 3]``, as the layout shows them, in dB."""
    squares = 0.0
    values = colours[..., 0].size if image.layout.is_gray else colours.size
    for top in range(0, len(colours), _ROWS):
        rows = slice(top, top + _ROWS)
        original, decoded = (shown_colours(plane[rows], image.layout) for plane in (image.colour, colours))
        squares += float(np.square(original.astype(np.int32) - decoded).sum())
    return _IDENTICAL_DB if squares == 0.0 else 10.0 * math.log10(_PEAK**2 * values / squares)


@dataclass(frozen=True)
class Window:
    """The interval that the search tries to reach.

    Attributes:
        low: Lower end.
        high: Upper end.
        bound: Hard bound, which holds even if no quality reaches the interval.
        slope: Expected growth of the value per hundredth of quality, above 0.
    """

    low: float
    high: float
    bound: Literal["low", "high"]
    slope: float

    def admits(self, value: float) -> bool:
        """Returns whether a value respects the bound."""
        return value <= self.high if self.bound == "high" else value >= self.low

    @property
    def middle(self) -> float:
        """Value that the search aims at."""
        return (self.low + self.high) / 2

    @property
    def safest(self) -> Hundredths:
        """The quality that respects the bound if any does."""
        return LOWEST_QUALITY if self.bound == "high" else HIGHEST_QUALITY


def find_quality(window: Window, value_at: Callable[[Hundredths], float], start: Hundredths) -> Hundredths | None:
    """Finds the quality at which an increasing function enters a window, in at most `MAX_TRIALS` evaluations.

    Args:
        window: The window.
        value_at: Trial: returns the value at a quality. Never called twice with the same quality.
        start: First guess.

    Returns:
        A quality that was tried: one whose value is in the window. If there is none, the one that is nearest to the
        window among those that respect the bound. None if not even the safest quality does.
    """
    tried: dict[Hundredths, float] = {}
    quality: Hundredths | None = start
    while quality is not None:
        value = tried[quality] = value_at(quality)
        if window.low <= value <= window.high:
            return quality
        found = any(map(window.admits, tried.values()))
        if len(tried) == MAX_TRIALS - 1 and not found:
            quality = None if window.safest in tried else window.safest
        else:
            quality = _next(window, tried) if len(tried) < MAX_TRIALS else None
    admitted = [quality for quality, value in tried.items() if window.admits(value)]
    return min(admitted, key=lambda quality: abs(tried[quality] - window.middle), default=None)


def _next(window: Window, tried: dict[Hundredths, float]) -> Hundredths | None:
    """Returns the most promising quality; None if no quality is left between the trials on both sides."""
    above = min((quality for quality, value in tried.items() if value > window.high), default=HIGHEST_QUALITY + 1)
    below = max((quality for quality, value in tried.items() if value < window.low and quality < above), default=-1)
    if above - below == 1:
        return None
    # Trials on both sides of the window, or the two nearest on one side.
    first, *rest = sorted(
        tried, key=lambda quality: (quality not in (below, above), abs(tried[quality] - window.middle))
    )
    slope = (tried[rest[0]] - tried[first]) / (rest[0] - first) if rest else window.slope
    step = (window.middle - tried[first]) / (slope if slope > 0 else window.slope)
    return Hundredths(min(max(first + round(step), below + 1), above - 1))


def expected_bpp(typical: Typical, quality: float) -> float:
    """Returns the typical rate at a quality 0 .. 100, in bits per pixel."""
    return float(np.exp(np.interp(quality, typical.qualities, np.log(typical.bpp))))


def quality_of_rate(typical: Typical, bits_per_pixel: float) -> float:
    """Returns the quality, 0 .. 100, whose typical rate is nearest to a rate above 0."""
    return float(np.interp(np.log(bits_per_pixel), np.log(typical.bpp), typical.qualities))


def quality_of_psnr(typical: Typical, decibels: float) -> float:
    """Returns the quality, 0 .. 100, whose typical PSNR is nearest to a PSNR in dB."""
    return float(np.interp(decibels, typical.psnr, typical.qualities))


def rate_slope(typical: Typical) -> float:
    """Returns the average growth of the rate's logarithm per hundredth of quality."""
    return math.log(typical.bpp[-1] / typical.bpp[0]) / _span(typical)


def _psnr_slope(typical: Typical) -> float:
    """Returns the average growth of the PSNR per hundredth of quality, in dB."""
    return (typical.psnr[-1] - typical.psnr[0]) / _span(typical)


def _span(typical: Typical) -> int:
    return hundredths_of(typical.qualities[-1]) - hundredths_of(typical.qualities[0])
