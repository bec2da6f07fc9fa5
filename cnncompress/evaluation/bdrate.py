"""Bjontegaard delta rate: by how many per cent a codec's files are larger at equal quality.

Quality is measured by any metric (`Curve.metric`). Method: log rate as a function of it, interpolated by a piecewise
cubic Hermite polynomial without overshoot (pchip), integrated over the range that both curves cover. Bjontegaard,
"Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001; on the interpolation:
https://arxiv.org/abs/2202.12565

Two ways to average over images, which are not the same number:

- curve of means (`bd_rate` of two `mean_curve`): bpp and scores are averaged over the images at each quality,
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
    """A curve has no BD-rate: too few points, a value out of range, or quality does not rise."""


class NoOverlapError(CurveError):
    """The two curves have no quality in common."""


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
    """Returns the mean difference in rate of `test` to `anchor` at equal quality in per cent; negative is smaller.

    Raises:
        CurveError: A curve has fewer than `MIN_POINTS` points, a rate that is not positive, or quality that
            does not strictly rise from point to point; or the curves are of different metrics.
        NoOverlapError: The curves have no range in common.
    """
    low, high = common_range(test, anchor)
    difference = _log_rate_integral(test, low, high) - _log_rate_integral(anchor, low, high)
    return 100.0 * math.expm1(difference / (high - low))


def common_range(test: Curve, anchor: Curve) -> tuple[float, float]:
    """Returns the range of the metric that both curves cover.

    Raises:
        CurveError: As for `bd_rate`.
        NoOverlapError: There is none.
    """
    _check(test)
    _check(anchor)
    if test.metric != anchor.metric:
        raise CurveError(f"{test.label} is measured by {test.metric.title}, {anchor.label} by {anchor.metric.title}")
    low = max(test.values[0], anchor.values[0])
    high = min(test.values[-1], anchor.values[-1])
    if low >= high:
        raise NoOverlapError(
            f"no {test.metric.title} in common: {test.label} {test.values[0]:.2f}..{test.values[-1]:.2f}, "
            f"{anchor.label} {anchor.values[0]:.2f}..{anchor.values[-1]:.2f}"
        )
    return low, high


def bd_rate_per_image(test: Mapping[str, Curve], anchor: Mapping[str, Curve]) -> PerImageBdRate:
    """Returns the mean over the images of each image's BD-rate, in per cent.

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
    interpolated = PchipInterpolator(curve.values, [math.log(rate) for rate in curve.bpp])
    return float(interpolated.integrate(low, high))


def _check(curve: Curve) -> None:
    title = curve.metric.title
    if not len(curve.bpp) == len(curve.values) >= MIN_POINTS:
        raise CurveError(
            f"{curve.label} has {len(curve.bpp)} rates and {len(curve.values)} values of {title}, "
            f"expected {MIN_POINTS} or more of each"
        )
    for rate in curve.bpp:
        if not (math.isfinite(rate) and rate > 0.0):
            raise CurveError(f"{curve.label} has a rate of {rate}, expected a positive number")
    for lower, higher in zip(curve.values, curve.values[1:], strict=False):
        if not lower < higher:  # also true for NaN
            raise CurveError(f"{curve.label}: {title} goes from {lower:.3f} to {higher:.3f}, expected it to rise")
    if not (math.isfinite(curve.values[0]) and math.isfinite(curve.values[-1])):
        raise CurveError(f"{curve.label} has an infinite {title}")
