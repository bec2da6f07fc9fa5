"""Pillow's pixels as an array, without a third copy of a large image on the way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

_BAND_PIXELS = 1 << 22


def samples_of(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Copies the samples of an image.

    Args:
        image: loaded, in a mode with 8 bits a sample.

    Returns:
        uint8 [H, W] or [H, W, C].
    """
    rows = max(1, _BAND_PIXELS // image.width)
    if rows >= image.height:
        return np.array(image)
    bands = len(image.getbands())
    samples = np.empty((image.height, image.width, bands) if bands > 1 else (image.height, image.width), np.uint8)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        samples[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return samples
