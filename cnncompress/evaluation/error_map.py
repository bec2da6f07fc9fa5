"""Where SSIMULACRA2 sees errors.

SSIMULACRA2 is a weighted sum over three colour planes, six scales and three kinds of error (structure, edges that were
added, edges that were lost), each as a mean and as a norm of fourth order over all pixels. That sum can be shared out
among the pixels: a mean is a sum over pixels as it is, and of a norm ``(mean d^4)^(1/4)`` a pixel has
``d^4 / (n norm^3)``. What pixels have at all scales, added up, is the error map, and its mean is the sum that the score
is computed from.

The arithmetic is that of the package ``ssimulacra2``, whose score for the same images it gives
(tests/evaluation/test_error_map.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnncompress.evaluation.metrics import SSIMULACRA2_MIN_SIDE
from cnncompress.evaluation.pixels import Pixels

Floats = NDArray[np.float64]

_KINDS = 3
_PLANES = 3
_NORMS = 2


class ErrorMap(NamedTuple):
    """SSIMULACRA2 of a decoded image, and its parts.

    Attributes:
        score: 100 is identical, 90 hard to tell apart, 50 medium quality, below 0 very poor.
        errors: float32 ``[H, W]``, 0 or above; the score falls as the mean grows.
    """

    score: float
    errors: NDArray[np.float32]


@dataclass(frozen=True)
class _Scale:
    """The original at one scale, each ``[w, h, 3]``: planes, local means, and local means of the squares."""

    planes: Floats
    means: Floats
    squares: Floats


class ErrorMapper:
    """Compares decoded images with one original, whose part of the work is done once."""

    def __init__(self, original: Pixels) -> None:
        """Analyses the original.

        Args:
            original: uint8 ``[H, W, 3]``, shorter side at least `SSIMULACRA2_MIN_SIDE`.

        Raises:
            ValueError: It is smaller.
        """
        if min(original.shape[:2]) < SSIMULACRA2_MIN_SIDE:
            raise ValueError(f"the shorter side is {min(original.shape[:2])}, expected {SSIMULACRA2_MIN_SIDE} or more")
        from ssimulacra2 import ssimulacra2

        self._package: Any = ssimulacra2
        self._shape = original.shape
        self._weights: Floats = ssimulacra2.weights.reshape(_PLANES, ssimulacra2.kNumScales, _NORMS, _KINDS)
        blur = ssimulacra2.blur_image
        self._scales = [_Scale(planes, blur(planes), blur(planes * planes)) for planes in self._pyramid(original)]

    def __call__(self, decoded: Pixels) -> ErrorMap:
        """Compares a decoded image, uint8 ``[H, W, 3]``, with the original."""
        package, (height, width, _) = self._package, self._shape
        whole, errors = package.Msssim(), np.zeros((height, width), np.float32)
        for number, (original, planes) in enumerate(zip(self._scales, self._pyramid(decoded), strict=True)):
            averages, shares = package.MsssimScale(), np.zeros(planes.shape[:2])
            means = package.blur_image(planes)
            kinds = (self._structure(original, planes, means), *_edges(original, planes - means))
            for kind, differences in enumerate(kinds):
                fourth = differences**4
                norms = fourth.mean((0, 1)) ** 0.25
                into = averages.avg_ssim if kind == 0 else averages.avg_edgediff[2 * (kind - 1) :]
                step = 2 if kind == 0 else 4
                into[::step], into[1::step] = differences.mean((0, 1)), norms
                weights = self._weights[:, number, :, kind]
                of_norm = weights[:, 1] / np.maximum(norms, 1e-12) ** 3
                shares += differences @ weights[:, 0] + fourth @ of_norm
            whole.scales.append(averages)
            upright = shares.T.repeat(2**number, axis=0).repeat(2**number, axis=1)
            errors += upright[:height, :width].astype(np.float32)
        return ErrorMap(float(whole.score()), errors)

    def _pyramid(self, pixels: Pixels) -> list[Floats]:
        """Planes of all scales, each ``[w, h, 3]``: the package has columns first."""
        package = self._package
        linear = package.srgb_to_linear(pixels)
        found = []
        for number in range(package.kNumScales):
            if number:
                linear = package.downsample(linear, 2, 2)
            found.append(package.make_positive_xyb(package.linear_rgb_to_xyb(linear)))
        return found

    def _structure(self, original: _Scale, planes: Floats, means: Floats) -> Floats:
        """What structural similarity lacks, ``[w, h, 3]``."""
        package = self._package
        covariances = package.blur_image(original.planes * planes) - original.means * means
        variances = original.squares - original.means**2 + package.blur_image(planes * planes) - means**2
        luminance = 1.0 - (original.means - means) ** 2
        similarity = luminance * (2.0 * covariances + package.kC2) / (variances + package.kC2)
        lacking: Floats = np.maximum(1.0 - similarity, 0.0)
        return lacking


def _edges(original: _Scale, details: Floats) -> tuple[Floats, Floats]:
    """Edges that were added, and edges that were lost, each ``[w, h, 3]``."""
    ratio = (1.0 + np.abs(details)) / (1.0 + np.abs(original.planes - original.means)) - 1.0
    return np.maximum(ratio, 0.0), np.maximum(-ratio, 0.0)
