"""Bjontegaard delta rate: by how many per cent a codec's files are larger at equal PSNR.

Method: log rate as a function of PSNR, interpolated by a piecewise cubic Hermite polynomial without overshoot
(pchip), integrated over the PSNR range that both curves cover. Bjontegaard, "Calculation of average PSNR
differences between RD-curves", VCEG-M33, 2001; on the interpolation: https://arxiv.org/abs/2202.12565

Two ways to average over images, which are not the same number:

- curve of means (`bd_rate` of two `mean_curve`): bpp and PSNR are averaged over the images at each quality,
  then one BD-rate is taken. This is what published Kodak tables do, and the main number here.
- mean of images (`bd_rate_per_image`): one BD-rate for each image, then their mean. Every image counts the
  same, however many bits it takes; how the two can differ: https://arxiv.org/abs/2409.08772
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from scipy.interpolate import PchipInterpolator

from cnncompress.evaluation.curves import Curve

MIN_POINTS = 2
"""Two points make a straight line; published curves have four or more."""


class CurveError(ValueError):
    """A curve has no BD-rate: too few points, a value out of range, or PSNR does not rise."""


class NoOverlapError(CurveError):
    """The two curves have no PSNR in common."""


@dataclass(frozen=True)
class PerImageBdRate:
    """BD-rate averaged over images.

    Attributes:
        percent: The mean over the images that could be compared; None if there was none.
        compared: How many could be.
        images: How many there are.
    """

    percent: float | None
    compared: int
    images: int


def bd_rate(test: Curve, anchor: Curve) -> float:
    """Average difference in rate of `test` against `anchor` at equal PSNR in per cent; negative is smaller.

    Raises:
        CurveError: A curve has fewer than `MIN_POINTS` points, a rate that is not positive, or PSNR that does
            not strictly rise from point to point.
        NoOverlapError: The curves have no PSNR range in common.
    """
    low, high = common_psnr(test, anchor)
    difference = _log_rate_integral(test, low, high) - _log_rate_integral(anchor, low, high)
    return 100.0 * math.expm1(difference / (high - low))


def common_psnr(test: Curve, anchor: Curve) -> tuple[float, float]:
    """The PSNR range in dB that both curves cover.

    Raises:
        CurveError: As for `bd_rate`.
        NoOverlapError: There is none.
    """
    _check(test)
    _check(anchor)
    low = max(test.psnr[0], anchor.psnr[0])
    high = min(test.psnr[-1], anchor.psnr[-1])
    if low >= high:
        raise NoOverlapError(
            f"no PSNR in common: {test.label} {test.psnr[0]:.2f}..{test.psnr[-1]:.2f} dB, "
            f"{anchor.label} {anchor.psnr[0]:.2f}..{anchor.psnr[-1]:.2f} dB"
        )
    return low, high


def bd_rate_per_image(test: Mapping[str, Curve], anchor: Mapping[str, Curve]) -> PerImageBdRate:
    """Mean over images of each image's BD-rate in per cent.

    Args:
        test: Curves by image, from `image_curves`.
        anchor: The same images with the other codec.

    Returns:
        The mean; images whose curves cannot be compared are left out and counted.
    """
    rates = []
    for image, curve in test.items():
        try:
            rates.append(bd_rate(curve, anchor[image]))
        except CurveError:
            continue  # shown by the caller: `compared` is below `images`
    return PerImageBdRate(fmean(rates) if rates else None, len(rates), len(test))


def _log_rate_integral(curve: Curve, low: float, high: float) -> float:
    interpolated = PchipInterpolator(curve.psnr, [math.log(rate) for rate in curve.bpp])
    return float(interpolated.integrate(low, high))


def _check(curve: Curve) -> None:
    if not len(curve.bpp) == len(curve.psnr) >= MIN_POINTS:
        raise CurveError(
            f"{curve.label} has {len(curve.bpp)} rates and {len(curve.psnr)} PSNR values, "
            f"expected {MIN_POINTS} or more of each"
        )
    for rate in curve.bpp:
        if not (math.isfinite(rate) and rate > 0.0):
            raise CurveError(f"{curve.label} has a rate of {rate}, expected a positive number")
    for lower, higher in zip(curve.psnr, curve.psnr[1:], strict=False):
        if not lower < higher:  # also true for NaN
            raise CurveError(f"{curve.label}: PSNR goes from {lower:.3f} to {higher:.3f} dB, expected it to rise")
    if not (math.isfinite(curve.psnr[0]) and math.isfinite(curve.psnr[-1])):
        raise CurveError(f"{curve.label} has an infinite PSNR")
