"""Pairs of images that metrics take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

PEAK = 255.0


def check_pair(original: Pixels, decoded: Pixels) -> None:
    """Checks what metrics take.

    Args:
        original: uint8 ``[H, W, 3]``.
        decoded: uint8 ``[H, W, 3]``.

    Raises:
        ValueError: Not two uint8 images of the same shape.
    """
    if original.shape != decoded.shape or original.ndim != 3 or original.shape[2] != 3:
        raise ValueError(f"expected two images [H, W, 3], got {original.shape} and {decoded.shape}")
    if original.dtype != np.uint8 or decoded.dtype != np.uint8:
        raise ValueError(f"expected uint8 images, got {original.dtype} and {decoded.dtype}")
