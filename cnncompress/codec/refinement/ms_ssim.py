"""Multi-scale structural similarity of one image to others, with its gradient and curvature, in NumPy.

The same as `cnncompress.training.similarity`, which torch's gradients pass
through, but for a tile as it is in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnncompress.images.ssim_window import SCALE_WEIGHTS, STABILISERS, WINDOW, halved, window_means

Floats = NDArray[np.float32]

SMALLEST_TERM = 1e-4
"""A term that is not positive has no such power, and one near zero has too steep a gradient."""


@dataclass(frozen=True)
class _Scale:
    """The original at one scale.

    Attributes:
        weight: Exponent of the scale's term.
        plane: float32 ``[h, w]``.
        mean: float32 ``[h - 10, w - 10]``, within each window.
        variance: float32 of the same shape.
        is_last: Whether it is the coarsest, whose term has the luminance as well.
    """

    weight: float
    plane: Floats
    mean: Floats
    variance: Floats
    is_last: bool


@dataclass(frozen=True)
class _Term:
    """What a scale makes of another image.

    Attributes:
        plane: The image at that scale, float32 ``[h, w]``.
        value: Mean of the similarities of all windows.
        by_mean, by_square, by_product: How it changes with an image's mean, mean square and mean product with the
            original in each window, float32 ``[h - 10, w - 10]``.
    """

    plane: Floats
    value: float
    by_mean: Floats
    by_square: Floats
    by_product: Floats


class Similarity:
    """The similarity to one original."""

    def __init__(self, original: Floats) -> None:
        """Takes the original to all scales that hold a window.

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
        """What squares of small errors cost at each scale, per value of the original there, float32 of its shape.

        The sum over all scales of the products with the squares of the errors, taken to that scale, is about what the
        similarity falls by. Errors of the mean of a window are overrated.
        """
        _, stabiliser = STABILISERS
        found = []
        for scale in self._scales:
            factor = np.float32(scale.weight / scale.mean.size)
            found.append(_spread(factor / (2 * scale.variance + np.float32(stabiliser))))
        return found


class Comparison:
    """An image beside the original.

    Attributes:
        value: MS-SSIM; 1 if the image is the original.
    """

    def __init__(self, scales: Sequence[_Scale], terms: Sequence[_Term]) -> None:
        self._scales = scales
        self._terms = terms
        powers = [max(term.value, SMALLEST_TERM) ** scale.weight for scale, term in zip(scales, terms, strict=True)]
        self.value = float(np.prod(powers))

    def gradient(self) -> Floats:
        """How the similarity changes with each value of the image, float32 of its shape."""
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
