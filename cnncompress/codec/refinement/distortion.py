"""The distortion that a model was trained with, for one image: squared error and MS-SSIM."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.refinement.ms_ssim import Comparison, Floats, Similarity
from cnncompress.images.ssim_window import WINDOW

PEAK = 255.0
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of red, green and blue in the luma of ITU-R BT.709."""
SIMILARITY_SCALE = 1000.0
"""Factor that brings one minus the similarity to the order of magnitude of a squared error."""

Samples = NDArray[Any]
"""``[H, W, 3]``, RGB in 0 .. 255: uint8, or float32 before rounding."""


class Distortion:
    """``(1 - share) * MSE + share * 1000 * (1 - MS-SSIM of the luma)``, with squared errors at a peak of 255.

    The same as in `cnncompress.training.objective`. Images with a side of less than 11 pixels have no similarity; for
    them only the squared error counts.
    """

    def __init__(self, original: NDArray[np.uint8], similarity_share: float) -> None:
        """Takes the original.

        Args:
            original: uint8 ``[H, W, 3]``.
            similarity_share: Weight of the similarity, 0 .. 1, without 1.
        """
        self.original = original
        similar = similarity_share > 0.0 and min(original.shape[:2]) >= WINDOW
        self._similarity = Similarity(_luma(original)) if similar else None
        self._similarity_weight = SIMILARITY_SCALE * similarity_share if similar else 0.0
        self.square_weight = 1.0 - similarity_share if similar else 1.0
        """Weight of the mean squared error."""

    def of(self, image: Samples) -> ImageDistortion:
        """Returns the distortion of an image."""
        errors = image - self.original.astype(np.float32)
        similarity = None if self._similarity is None else self._similarity.of(_luma(image))
        return ImageDistortion(errors, similarity, self.square_weight, self._similarity_weight)

    def luma_curvatures(self) -> list[Floats]:
        """Returns the curvatures for the luma, without the squared error, see `Similarity.curvatures`."""
        if self._similarity is None:
            return []
        return [np.float32(self._similarity_weight) * weights for weights in self._similarity.curvatures()]


class ImageDistortion:
    """Distortion of one image.

    Attributes:
        value: The distortion.
    """

    def __init__(
        self, errors: Floats, similarity: Comparison | None, square_weight: float, similarity_weight: float
    ) -> None:
        self._errors = errors
        self._similarity = similarity
        self._square_weight = square_weight
        self._similarity_weight = similarity_weight
        squares = float(np.square(errors).mean(dtype=np.float64))
        self.value = square_weight * squares + similarity_weight * (0.0 if similarity is None else 1 - similarity.value)

    def gradient(self) -> Floats:
        """Returns the derivatives with respect to samples in 0 .. 1: float32 ``[H, W, 3]``."""
        slopes: Floats = self._errors * np.float32(2.0 * PEAK * self._square_weight / self._errors.size)
        if self._similarity is not None:
            by_luma = np.float32(-self._similarity_weight) * self._similarity.gradient()
            slopes += by_luma[:, :, None] * LUMA
        return slopes


def _luma(image: Samples) -> Floats:
    """Returns the luma in 0 .. 1."""
    luma: Floats = (image.astype(np.float32) @ LUMA) * np.float32(1.0 / PEAK)
    return luma
