"""Finds the quality whose file meets a target, by encoding (for PSNR also decoding) whole files.

Each trial codes an image, so the search for a quality interpolates between what it knows (regula falsi) instead of
halving. Rate and distortion grow nearly linearly with the quality where the rate is taken as its logarithm. The first
guess is what is typical of the model.
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
"""How much smaller than asked for a file may be, as a share of the size."""

PSNR_TOLERANCE = 0.05
"""How much better than asked for an image may be, in dB."""

_PEAK = 255.0
_IDENTICAL_DB = 100.0
_ROWS = 256
"""Compared at a time, since the differences take nine times the memory of the pixels."""

MAX_TRIALS = 8


def reach(
    target: Target,
    typical: Typical,
    image: SourceImage,
    file_at: Callable[[Hundredths], bytes],
    colours_of: Callable[[bytes], Plane],
) -> bytes:
    """Searches for the quality that makes the file that was asked for.

    Args:
        target: What is asked for.
        typical: Average rate and PSNR of the model by quality.
        image: What is coded.
        file_at: Makes a whole .cnc file at a quality; is called eight times at most.
        colours_of: Decodes one: uint8 [H, W, 3].

    Returns:
        The file; see `cnncompress.codec.targets` for how near it comes.

    Raises:
        Unreachable: Not even quality 0 is small enough, or quality 100 good enough.
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
    """Returns the peak signal-to-noise ratio, in dB, of decoded colours, uint8 [H, W, 3], as the layout shows them."""
    squares = 0.0
    values = colours[..., 0].size if image.layout.is_gray else colours.size
    for top in range(0, len(colours), _ROWS):
        rows = slice(top, top + _ROWS)
        original, decoded = (shown_colours(plane[rows], image.layout) for plane in (image.colour, colours))
        squares += float(np.square(original.astype(np.int32) - decoded).sum())
    return _IDENTICAL_DB if squares == 0.0 else 10.0 * math.log10(_PEAK**2 * values / squares)


@dataclass(frozen=True)
class Window:
    """Where a value shall come to lie.

    Attributes:
        low: Lower end.
        high: Upper end.
        bound: The hard bound, kept even if no quality falls into the window.
        slope: How much the value is expected to grow with one hundredth of quality, above 0.
    """

    low: float
    high: float
    bound: Literal["low", "high"]
    slope: float

    def admits(self, value: float) -> bool:
        """Whether a value keeps to the bound."""
        return value <= self.high if self.bound == "high" else value >= self.low

    @property
    def middle(self) -> float:
        """What is aimed at."""
        return (self.low + self.high) / 2

    @property
    def safest(self) -> Hundredths:
        """The quality that keeps to the bound if any does."""
        return LOWEST_QUALITY if self.bound == "high" else HIGHEST_QUALITY


def find_quality(window: Window, value_at: Callable[[Hundredths], float], start: Hundredths) -> Hundredths | None:
    """Finds the quality at which an increasing function enters a window, in at most `MAX_TRIALS` evaluations.

    Args:
        window: Where the value shall be.
        value_at: A trial: returns the value at a quality, never the same one twice.
        start: The first guess.

    Returns:
        A quality that was tried: one whose value is in the window, or else the one whose value comes nearest to it of
        those that keep to its bound; None if not even the safest does.
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
    """The most promising quality; None if there is none left between those that missed on either side."""
    above = min((quality for quality, value in tried.items() if value > window.high), default=HIGHEST_QUALITY + 1)
    below = max((quality for quality, value in tried.items() if value < window.low and quality < above), default=-1)
    if above - below == 1:
        return None
    # Both sides of the window, or the two trials that came nearest to it from one side.
    first, *rest = sorted(
        tried, key=lambda quality: (quality not in (below, above), abs(tried[quality] - window.middle))
    )
    slope = (tried[rest[0]] - tried[first]) / (rest[0] - first) if rest else window.slope
    step = (window.middle - tried[first]) / (slope if slope > 0 else window.slope)
    return Hundredths(min(max(first + round(step), below + 1), above - 1))


def expected_bpp(typical: Typical, quality: float) -> float:
    """Returns bits per pixel of a photograph at a quality, 0..100."""
    return float(np.exp(np.interp(quality, typical.qualities, np.log(typical.bpp))))


def quality_of_rate(typical: Typical, bits_per_pixel: float) -> float:
    """Returns the quality, 0..100, that comes nearest to a rate above 0."""
    return float(np.interp(np.log(bits_per_pixel), np.log(typical.bpp), typical.qualities))


def quality_of_psnr(typical: Typical, decibels: float) -> float:
    """Returns the quality, 0..100, that comes nearest to a peak signal-to-noise ratio in dB."""
    return float(np.interp(decibels, typical.psnr, typical.qualities))


def rate_slope(typical: Typical) -> float:
    """Returns the growth of the rate's logarithm with one hundredth of quality, on average."""
    return math.log(typical.bpp[-1] / typical.bpp[0]) / _span(typical)


def _psnr_slope(typical: Typical) -> float:
    """The growth of the peak signal-to-noise ratio with one hundredth of quality, on average, in dB."""
    return (typical.psnr[-1] - typical.psnr[0]) / _span(typical)


def _span(typical: Typical) -> int:
    return hundredths_of(typical.qualities[-1]) - hundredths_of(typical.qualities[0])
