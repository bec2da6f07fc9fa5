"""Windows and scales of multi-scale structural similarity, for planes of any float type.

Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment" (2003):
https://doi.org/10.1109/ACSSC.2003.1292216
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
"""Of any float type, which results have as well."""

WINDOW = 11
"""Pixels along each side of the Gaussian window."""
SIGMA = 1.5
"""Its standard deviation, in pixels."""
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, from fine to coarse, each with half the pixels along each side of the one before."""
STABILISERS = (0.01**2, 0.03**2)
"""Of luminance and contrast, where the peak is 1."""

_HALF = WINDOW // 2
_TAPS = np.exp(np.square(np.arange(-_HALF, 1, dtype=np.float64)) / (-2 * SIGMA**2))
_TAPS = _TAPS / (2 * _TAPS[:-1].sum() + _TAPS[-1])
"""Half of the window, and its middle."""


def window_means(planes: Floats) -> Floats:
    """Gaussian means wherever the window fits: ``[h, w]`` or ``[h, w, C]`` to ``[h - 10, w - 10, ...]``."""
    return _means_down(_means_down(planes).swapaxes(0, 1)).swapaxes(0, 1)


def halved(planes: Floats) -> Floats:
    """Means of 2x2 values of ``[h, w]`` or ``[h, w, C]``; what is left at the right and below is left out."""
    rows, columns = planes.shape[0] // 2, planes.shape[1] // 2
    cells = planes[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, *planes.shape[2:])
    sums = cells[:, 0, :, 0] + cells[:, 0, :, 1] + cells[:, 1, :, 0] + cells[:, 1, :, 1]
    means: Floats = sums * planes.dtype.type(0.25)
    return means


def _means_down(planes: Floats) -> Floats:
    taps = _TAPS.astype(planes.dtype)
    rows = len(planes) - 2 * _HALF
    means: Floats = taps[_HALF] * planes[_HALF : _HALF + rows]
    for number, tap in enumerate(taps[:_HALF]):
        means += tap * (planes[number : number + rows] + planes[2 * _HALF - number : 2 * _HALF - number + rows])
    return means
