"""Gradient of an image's distortion with respect to symbols, by the linear path of the synthesis transform.

The synthesis transform adds the output of its network to that of the linear path. The gradient through the linear path
is a product with one matrix. The gradient through the network is more complete but less useful: an infinitely small
step changes the network's output in another way than a whole step of a symbol (docs/EFFORT.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.latents import Quantised
from cnncompress.codec.refinement.cost import RateDistortion
from cnncompress.codec.refinement.distortion import LUMA, PEAK, ImageDistortion
from cnncompress.engines.interface import Engine, Latent
from cnncompress.images.ssim_window import SCALE_WEIGHTS
from cnncompress.model.config import HYPER_STRIDE, PATCH
from cnncompress.model.receptive_field import Margins, padded_size
from cnncompress.units import Hundredths

Floats = NDArray[np.float32]

RESPONSE = 0.75
"""Factor for gradient and curvature of the linear path, since the network takes some of a change back. It was chosen by
BD-rates (docs/EFFORT.md)."""


@dataclass(frozen=True)
class Surroundings:
    """The latents around the one that is refined; none for a whole image.

    Attributes:
        y_hat: ``[1, M, h, w]``, the engine's array: a window of decoded latents. Its core is not used.
        margins: Margins around the core in latent positions.
    """

    y_hat: Latent
    margins: Margins

    def around(self, core: Latent, engine: Engine) -> Latent:
        """Returns the window with a decoded latent as its core."""
        rows, columns = self.y_hat.shape[-2:]
        if (rows, columns) == tuple(core.shape[-2:]):
            return core
        frame = engine.zeros(1, rows, columns)
        frame[...] = self.y_hat
        left, top, right, bottom = (margin.extent for margin in self.margins)
        frame[..., top : rows - bottom, left : columns - right] = core
        return frame


class DistortionGradient:
    """Gradient of the distortion of one image at one quality, in bits."""

    def __init__(self, engine: Engine, luma_shares: Floats, measure: RateDistortion, quality: Hundredths) -> None:
        """Computes nothing yet.

        Args:
            engine: Engine with the linear path.
            luma_shares: Result of `luma_shares`.
            measure: Cost function of the image.
            quality: Quality of the file.
        """
        self._engine = engine
        self._luma_shares = luma_shares
        self._measure = measure
        self._quality = quality

    def curvature(self) -> Floats:
        """Returns half the second derivative of the distortion, from the norms of the linear path, times `RESPONSE`.

        Off-diagonal elements are ignored.

        Returns:
            float32 ``[4, M, h/2, w/2]``, bits per square of a base step, in coding order.
        """
        measure, distortion = self._measure, self._measure.distortion
        rows, columns = (side // PATCH for side in padded_size(*measure.size, HYPER_STRIDE))
        everywhere = distortion.square_weight * PEAK**2 / distortion.original.size
        weights = np.full((len(self._luma_shares[0]), rows, columns), everywhere, np.float32)
        for scale, of_luma in enumerate(distortion.luma_curvatures()):
            by_patch = _means_of_patches(of_luma, PATCH >> scale, rows, columns)
            weights += self._luma_shares[scale][:, None, None] * by_patch
        weights *= np.float32(RESPONSE * measure.bits) * self._engine.linear_norms(self._quality)[:, None, None]
        in_order: Floats = self._engine.to_numpy(self._engine.split(self._engine.from_numpy(weights[None])))[0]
        return in_order

    def __call__(self, coded: Quantised, distortion: ImageDistortion) -> Floats:
        """Returns the gradient through the linear path, times `RESPONSE`.

        Args:
            coded: Current symbols.
            distortion: Distortion of the decoded image.

        Returns:
            float32 ``[4, M, h/2, w/2]``, bits per step of a symbol, in coding order.
        """
        engine, (height, width) = self._engine, self._measure.size
        slopes = np.zeros((1, *padded_size(height, width, HYPER_STRIDE), 3), np.float32)
        slopes[0, :height, :width] = distortion.gradient()
        slopes *= np.float32(RESPONSE * self._measure.bits)
        y = engine.to_numpy(engine.split(engine.linear_gradient(slopes, self._quality)))
        by_symbol: Floats = (y * engine.to_numpy(coded.walk.deltas()))[0]
        return by_symbol


def luma_shares(klt: NDArray[Any]) -> Floats:
    """Returns the share of energy of each channel's patch that is in the luma at each scale of the similarity.

    Args:
        klt: Float ``[768, M]``, the linear path of the synthesis: samples of each channel's patch, colour by colour.

    Returns:
        float32 ``[5, M]``, 0 .. 1.
    """
    patches = klt.astype(np.float32).reshape(len(LUMA), PATCH, PATCH, -1)
    luma = np.tensordot(LUMA, patches, axes=1)
    energies = []
    for scale in range(len(SCALE_WEIGHTS)):
        side = PATCH >> scale
        means = luma.reshape(side, 1 << scale, side, 1 << scale, -1).mean((1, 3))
        energies.append(np.square(means).sum((0, 1)))
    shares: Floats = np.stack(energies) / np.square(patches).sum((0, 1, 2))
    return shares


def _means_of_patches(plane: Floats, side: int, rows: int, columns: int) -> Floats:
    """Returns the means of squares of a zero-padded plane: ``[rows, columns]``."""
    whole = np.zeros((rows * side, columns * side), np.float32)
    whole[: plane.shape[0], : plane.shape[1]] = plane
    means: Floats = whole.reshape(rows, side, columns, side).mean((1, 3))
    return means
