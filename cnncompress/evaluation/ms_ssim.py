"""Multi-scale structural similarity, in NumPy: the scores of torchmetrics, which would load torch for them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cnncompress.evaluation.pixels import PEAK, Pixels, check_pair
from cnncompress.images.ssim_window import SCALE_WEIGHTS, STABILISERS, WINDOW, halved, window_means

Floats = NDArray[np.float64]

MS_SSIM_MIN_SIDE = WINDOW << len(SCALE_WEIGHTS) - 1
"""The shorter side must hold the 11x11 window at the coarsest of five scales: 176 pixels."""


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
    for exponent in SCALE_WEIGHTS[:-1]:
        _, contrast = _ssim_parts(one, other)
        similarity *= max(float(contrast.mean()), 0.0) ** exponent
        one, other = halved(one), halved(other)
    # At the coarsest scale the window may reach beyond the image, as in torchmetrics, whose scores these are.
    luminance, contrast = _ssim_parts(_mirrored(one), _mirrored(other))
    similarity *= max(float((luminance * contrast).mean()), 0.0) ** SCALE_WEIGHTS[-1]
    return similarity


def _ssim_parts(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Luminance, and contrast with structure, of SSIM at every place where the window is inside: ``[h, w, 3]``."""
    means = window_means(one), window_means(other)
    products = means[0] * means[1]
    squares = means[0] ** 2 + means[1] ** 2
    covariance = window_means(one * other) - products
    variances = window_means(one * one + other * other) - squares
    of_luminance, of_contrast = (stabiliser * PEAK**2 for stabiliser in STABILISERS)
    luminance = (2.0 * products + of_luminance) / (squares + of_luminance)
    contrast = (2.0 * covariance + of_contrast) / (variances + of_contrast)
    return luminance, contrast


def _mirrored(planes: Floats) -> Floats:
    return np.pad(planes, ((WINDOW // 2,) * 2, (WINDOW // 2,) * 2, (0, 0)), mode="reflect")


def ms_ssim_db(similarity: float) -> float:
    """Returns MS-SSIM in dB, -10 log10(1 - similarity); infinity for 1."""
    return math.inf if similarity >= 1.0 else -10.0 * math.log10(1.0 - similarity)
