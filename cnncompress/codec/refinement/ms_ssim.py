"""Multi-scale structural similarity of one image to others, with its gradient and curvature, in NumPy.

Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment" (2003):
https://doi.org/10.1109/ACSSC.2003.1292216. The same as `cnncompress.training.similarity`, which torch's gradients pass
through, but for a tile as it is in a file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

WINDOW = 11
SIGMA = 1.5
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
STABILISERS = (0.01**2, 0.03**2)
SMALLEST_TERM = 1e-4
"""A term that is not positive has no such power, and one near zero has too steep a gradient."""

_HALF = WINDOW // 2
_TAPS = np.exp(np.square(np.arange(-_HALF, 1, dtype=np.float64)) / (-2 * SIGMA**2))
_TAPS = (_TAPS / (2 * _TAPS[:-1].sum() + _TAPS[-1])).astype(np.float32)
"""Half of the window, and its middle."""


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
        value: Mean of the similarities of all windows.
        by_mean, by_square, by_product: How it changes with an image's mean, mean square and mean product with the
            original in each window, float32 ``[h - 10, w - 10]``.
    """

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
            plane = _halved(self._scales[-1].plane) if scale else original
            mean = _blurred(plane)
            variance = _blurred(np.square(plane)) - np.square(mean)
            self._scales.append(_Scale(SCALE_WEIGHTS[scale] / total, plane, mean, variance, scale == scales[-1]))

    def of(self, image: Floats) -> float:
        """MS-SSIM of an image, float32 ``[H, W]``; 1 if it is the original."""
        return float(np.prod([max(term.value, SMALLEST_TERM) ** scale.weight for scale, _, term in self._terms(image)]))

    def gradient(self, image: Floats) -> Floats:
        """How the similarity changes with each value of an image, float32 of its shape."""
        terms = self._terms(image)
        similarity = np.prod([max(term.value, SMALLEST_TERM) ** scale.weight for scale, _, term in terms])
        gradient: Floats | None = None
        for scale, plane, term in reversed(terms):
            factor = np.float32(similarity * scale.weight / max(term.value, SMALLEST_TERM) / term.by_mean.size)
            own = factor * (
                _spread(term.by_mean) + 2 * plane * _spread(term.by_square) + scale.plane * _spread(term.by_product)
            )
            if gradient is not None:
                rows, columns = (2 * side for side in gradient.shape)
                own[:rows, :columns] += np.float32(0.25) * gradient.repeat(2, axis=0).repeat(2, axis=1)
            gradient = own
        assert gradient is not None
        return gradient

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

    def _terms(self, image: Floats) -> list[tuple[_Scale, Floats, _Term]]:
        found: list[tuple[_Scale, Floats, _Term]] = []
        for scale in self._scales:
            plane = _halved(found[-1][1]) if found else image
            found.append((scale, plane, _term(scale, plane)))
        return found


def _term(scale: _Scale, plane: Floats) -> _Term:
    first, second = (np.float32(stabiliser) for stabiliser in STABILISERS)
    mean = _blurred(plane)
    variance = _blurred(np.square(plane)) - np.square(mean)
    covariance = _blurred(plane * scale.plane) - mean * scale.mean
    inverse = np.reciprocal(variance + scale.variance + second)
    structure = (2 * covariance + second) * inverse
    by_square, by_product = -structure * inverse, 2 * inverse
    by_mean = -2 * mean * by_square - scale.mean * by_product
    if not scale.is_last:
        return _Term(float(structure.mean(dtype=np.float64)), by_mean, by_square, by_product)
    inverse_luminance = np.reciprocal(np.square(mean) + np.square(scale.mean) + first)
    luminance = (2 * mean * scale.mean + first) * inverse_luminance
    slope = 2 * (scale.mean - mean * luminance) * inverse_luminance
    value = float((luminance * structure).mean(dtype=np.float64))
    return _Term(value, luminance * by_mean + structure * slope, luminance * by_square, luminance * by_product)


def _blurred(plane: Floats) -> Floats:
    """Gaussian means wherever the window fits: ``[h, w]`` to ``[h - 10, w - 10]``."""
    return _blurred_rows(_blurred_rows(plane).T).T


def _blurred_rows(plane: Floats) -> Floats:
    rows = len(plane) - 2 * _HALF
    means: Floats = _TAPS[_HALF] * plane[_HALF : _HALF + rows]
    for number, tap in enumerate(_TAPS[:_HALF]):
        means += tap * (plane[number : number + rows] + plane[2 * _HALF - number : 2 * _HALF - number + rows])
    return means


def _spread(of_windows: Floats) -> Floats:
    """Adjoint of `_blurred`: ``[h - 10, w - 10]`` to ``[h, w]``."""
    return _blurred(np.pad(of_windows, 2 * _HALF))


def _halved(plane: Floats) -> Floats:
    """Means of 2x2 values; what is left at the right and below is left out."""
    rows, columns = (side // 2 for side in plane.shape)
    cells = plane[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)
    sums: Floats = cells[:, 0, :, 0] + cells[:, 0, :, 1] + cells[:, 1, :, 0] + cells[:, 1, :, 1]
    means: Floats = np.multiply(sums, np.float32(0.25))
    return means
