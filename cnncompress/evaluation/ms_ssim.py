"""Multi-scale structural similarity, in NumPy.

Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment", 2003:
https://doi.org/10.1109/ACSSC.2003.1292216. The scores are those of torchmetrics, which would load torch for them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cnncompress.evaluation.pixels import PEAK, Pixels, check_pair

Floats = NDArray[np.float64]

MS_SSIM_MIN_SIDE = 176
"""The shorter side must hold the 11x11 window at the coarsest of five scales: 11 * 2**4 pixels."""

_MS_SSIM_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales, from fine to coarse."""


def ms_ssim(original: Pixels, decoded: Pixels) -> float | None:
    """Returns the multi-scale structural similarity, linear (1 = identical), over the RGB channels jointly.

    Args:
        original: uint8 [H, W, 3].
        decoded: uint8 [H, W, 3].

    Returns:
        The similarity, or None where the shorter side is below `MS_SSIM_MIN_SIDE`.

    Raises:
        ValueError: Not two uint8 images of the same shape.
    """
    check_pair(original, decoded)
    if min(original.shape[:2]) < MS_SSIM_MIN_SIDE:
        return None
    one, other = original.astype(np.float64), decoded.astype(np.float64)
    similarity: float = 1.0
    for exponent in _MS_SSIM_EXPONENTS[:-1]:
        _, contrast = _ssim_parts(one, other)
        similarity *= max(float(contrast.mean()), 0.0) ** exponent
        one, other = _halved(one), _halved(other)
    # At the coarsest scale the window may reach beyond the image, as in torchmetrics, whose scores these are.
    luminance, contrast = _ssim_parts(_mirrored(one), _mirrored(other))
    similarity *= max(float((luminance * contrast).mean()), 0.0) ** _MS_SSIM_EXPONENTS[-1]
    return similarity


def _ssim_parts(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Luminance, and contrast with structure, of SSIM at every place where the window is inside: ``[h, w, 3]``."""
    means = _windowed(one), _windowed(other)
    products = means[0] * means[1]
    squares = means[0] ** 2 + means[1] ** 2
    covariance = _windowed(one * other) - products
    variances = _windowed(one * one + other * other) - squares
    luminance = (2.0 * products + (0.01 * PEAK) ** 2) / (squares + (0.01 * PEAK) ** 2)
    contrast = (2.0 * covariance + (0.03 * PEAK) ** 2) / (variances + (0.03 * PEAK) ** 2)
    return luminance, contrast


def _windowed(planes: Floats) -> Floats:
    """Means over a Gaussian window of 11x11 pixels with a standard deviation of 1.5, without padding."""
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    height, width = planes.shape[0] - 10, planes.shape[1] - 10
    down: Floats = sum(weight * planes[at : at + height] for at, weight in enumerate(weights))
    across: Floats = sum(weight * down[:, at : at + width] for at, weight in enumerate(weights))
    return across


def _mirrored(planes: Floats) -> Floats:
    return np.pad(planes, ((5, 5), (5, 5), (0, 0)), mode="reflect")


def _halved(planes: Floats) -> Floats:
    """Means of 2x2 pixels; a last row or column without a partner is left out."""
    height, width = planes.shape[0] // 2, planes.shape[1] // 2
    cells = planes[: 2 * height, : 2 * width].reshape(height, 2, width, 2, planes.shape[2])
    means: Floats = cells.mean(axis=(1, 3))
    return means


def ms_ssim_db(similarity: float) -> float:
    """Returns MS-SSIM in dB, -10 log10(1 - similarity); infinity for 1."""
    return math.inf if similarity >= 1.0 else -10.0 * math.log10(1.0 - similarity)
