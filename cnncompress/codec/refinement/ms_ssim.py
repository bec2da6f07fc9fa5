"""Multi-scale structural similarity of images to one original, with its gradient and curvature, in NumPy.

The same as `cnncompress.training.similarity`, which is in torch, for a decoded tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnncompress.images.ssim_window import SCALE_WEIGHTS, STABILISERS, WINDOW, halved, window_means

Floats = NDArray[np.float32]

SMALLEST_TERM = 1e-4
"""Smallest term. A negative term has no real power, and the gradient of one near zero is too steep."""


@dataclass(frozen=True)
class _Scale:
    """The original at one scale.

    Attributes:
        weight: Exponent of the scale's term.
        plane: float32 ``[h, w]``.
        mean: float32 ``[h - 10, w - 10]``, within each window.
        variance: float32 of the same shape.
        is_last: Whether it is the coarsest scale, whose term includes the luminance.
    """

    weight: float
    plane: Floats
    mean: Floats
    variance: Floats
    is_last: bool


@dataclass(frozen=True)
class _Term:
    """The term of another image at one scale.

    Attributes:
        plane: The image at that scale, float32 ``[h, w]``.
        value: Mean of the similarities of all windows.
        by_mean, by_square, by_product: Derivatives of the value with respect to the image's mean, mean square and mean
            product with the original in each window, float32 ``[h - 10, w - 10]``.
    """

    plane: Floats
    value: float
    by_mean: Floats
    by_square: Floats
    by_product: Floats


class Similarity:
    """The similarity to one original."""

    def __init__(self, original: Floats) -> None:
        """Computes all scales of the original that are at least as large as a window.

        Args:
            original: float32 ``[H, W]``, 0 .. 1, sides of at least 11.
        """
        scales = [scale for scale in range(len(SCALE_WEIGHTS)) if min(original.shape) >> scale >= WINDOW]
        total = sum(SCALE_WEIGHTS[scale] for scale in scales)
        self._scales: list[_Scale] = []
        for scale in scales:
            plane = halved(self._scales[-1].plane) if scale else original
            mean = window_means(plane)
            variance = window_means(np.square(plane)) - np.square(mean)
            self._scales.append(_Scale(SCALE_WEIGHTS[scale] / total, plane, mean, variance, scale == scales[-1]))

    def of(self, image: Floats) -> Comparison:
        """Compares an image, float32 ``[H, W]``, with the original."""
        terms: list[_Term] = []
        for scale in self._scales:
            terms.append(_term(scale, halved(terms[-1].plane) if terms else image))
        return Comparison(self._scales, terms)

    def curvatures(self) -> list[Floats]:
        """Returns the weight of squared errors for each scale and each of its values, float32 of the scale's shape.

        For small errors, the loss of similarity is about the sum over all scales of the weights times the squares of
        the errors at that scale. Errors of the mean of a window are overestimated.
        """
        _, stabiliser = STABILISERS
        found = []
        for scale in self._scales:
            factor = np.float32(scale.weight / scale.mean.size)
            found.append(_spread(factor / (2 * scale.variance + np.float32(stabiliser))))
        return found


class Comparison:
    """Comparison of an image with the original.

    Attributes:
        value: MS-SSIM; 1 if the image is the original.
    """

    def __init__(self, scales: Sequence[_Scale], terms: Sequence[_Term]) -> None:
        self._scales = scales
        self._terms = terms
        powers = [max(term.value, SMALLEST_TERM) ** scale.weight for scale, term in zip(scales, terms, strict=True)]
        self.value = float(np.prod(powers))

    def gradient(self) -> Floats:
        """Returns the derivatives of the similarity with respect to the image, float32 of its shape."""
        gradient: Floats | None = None
        for scale, term in reversed(list(zip(self._scales, self._terms, strict=True))):
            factor = np.float32(self.value * scale.weight / max(term.value, SMALLEST_TERM) / term.by_mean.size)
            own = factor * (
                _spread(term.by_mean)
                + 2 * term.plane * _spread(term.by_square)
                + scale.plane * _spread(term.by_product)
            )
            if gradient is not None:
                rows, columns = (2 * side for side in gradient.shape)
                own[:rows, :columns] += np.float32(0.25) * gradient.repeat(2, axis=0).repeat(2, axis=1)
            gradient = own
        assert gradient is not None
        return gradient


def _term(scale: _Scale, plane: Floats) -> _Term:
    first, second = (np.float32(stabiliser) for stabiliser in STABILISERS)
    mean = window_means(plane)
    variance = window_means(np.square(plane)) - np.square(mean)
    covariance = window_means(plane * scale.plane) - mean * scale.mean
    inverse = np.reciprocal(variance + scale.variance + second)
    structure = (2 * covariance + second) * inverse
    by_square, by_product = -structure * inverse, 2 * inverse
    by_mean = -2 * mean * by_square - scale.mean * by_product
    if not scale.is_last:
        return _Term(plane, float(structure.mean(dtype=np.float64)), by_mean, by_square, by_product)
    inverse_luminance = np.reciprocal(np.square(mean) + np.square(scale.mean) + first)
    luminance = (2 * mean * scale.mean + first) * inverse_luminance
    slope = 2 * (scale.mean - mean * luminance) * inverse_luminance
    value = float((luminance * structure).mean(dtype=np.float64))
    by_mean = luminance * by_mean + structure * slope
    return _Term(plane, value, by_mean, luminance * by_square, luminance * by_product)


def _spread(of_windows: Floats) -> Floats:
    """Adjoint of `window_means`: ``[h - 10, w - 10]`` to ``[h, w]``."""
    return window_means(np.pad(of_windows, WINDOW - 1))
