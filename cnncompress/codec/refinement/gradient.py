"""How the cost of an image changes with each symbol, as far as the linear path of the synthesis transform tells.

The linear path is what the synthesis transform adds its network's output to. Its gradient is a product with one matrix.
`cnncompress.codec.refinement.network_gradient` has the gradient through the networks, for which torch is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.latents import Quantised
from cnncompress.codec.refinement.cost import PEAK, RateDistortion
from cnncompress.engines.interface import Engine, Latent
from cnncompress.model.config import HYPER_STRIDE
from cnncompress.model.receptive_field import Margins, padded_size
from cnncompress.units import Hundredths

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Surroundings:
    """What the synthesis transform sees around the latent that is refined: nothing for a whole image.

    Attributes:
        y_hat: ``[1, M, h, w]``, the engine's array, a window of decoded latents; those in the core do not count.
        margins: What of it lies around the core, in latent positions.
    """

    y_hat: Latent
    margins: Margins

    def around(self, core: Latent, engine: Engine) -> Latent:
        """Puts a decoded latent into the core."""
        rows, columns = self.y_hat.shape[-2:]
        if (rows, columns) == tuple(core.shape[-2:]):
            return core
        frame = engine.blank(rows, columns)
        frame[...] = self.y_hat
        left, top, right, bottom = (margin.extent for margin in self.margins)
        frame[..., top : rows - bottom, left : columns - right] = core
        return frame


@dataclass(frozen=True)
class RateSlopes:
    """How the bits of each symbol change, float32 ``[4, M, h/2, w/2]`` both: so the gradient sees means and scales.

    Attributes:
        symbols: Bits more if the symbol were larger by 1.
        levels: Bits more if its scale level were.
    """

    symbols: Floats
    levels: Floats


@dataclass(frozen=True)
class Gradients:
    """How the cost changes, in bits, apart from what a symbol itself costs, which is looked up and not extrapolated.

    Attributes:
        y: float32 ``[4, M, h/2, w/2]``, by symbols, as far as they move the decoded latent, in coding order.
        surprise: float32 of the same shape, by the surprise that a symbol is to the scale context; None if unknown.
        z: float32 ``[N, h/4, w/4]``, by symbols of the hyper-latent; None if unknown.
    """

    y: Floats
    surprise: Floats | None = None
    z: Floats | None = None


class LinearGradient:
    """Gradient of the distortion of one image at one quality through the linear path."""

    def __init__(self, engine: Engine, measure: RateDistortion, quality: Hundredths) -> None:
        """Takes what all gradients share.

        Args:
            engine: Has the linear path.
            measure: The cost, and the image.
            quality: Of the file.
        """
        self._engine = engine
        self._measure = measure
        self._quality = quality

    def curvature(self) -> Floats:
        """Half the second derivative of the distortion, from the norms of the linear path.

        The second derivatives of all but the restoration filter come near them; off-diagonal ones are left out.

        Returns:
            float32 ``[4, M, 1, 1]``, bits per square of a base step, in coding order.
        """
        norms = self._engine.linear_norms(self._quality)
        cells = np.broadcast_to(norms[None, :, None, None], (1, len(norms), 2, 2))
        in_order = self._engine.fetched(self._engine.split(self._engine.placed(np.ascontiguousarray(cells))))
        curvature: Floats = np.float32(self._measure.bits_per_square) * in_order[0]
        return curvature

    def __call__(self, coded: Quantised, pixels: NDArray[np.uint8]) -> Gradients:
        """Takes the gradient.

        Args:
            coded: Where to take it.
            pixels: uint8 ``[H, W, 3]``, what a decoder makes of it.
        """
        original, engine = self._measure.original, self._engine
        height, width, channels = original.shape
        slopes = np.zeros((1, *padded_size(height, width, HYPER_STRIDE), channels), np.float32)
        own = slopes[0, :height, :width]
        np.subtract(pixels, original, out=own, dtype=np.float32)
        own *= 2.0 * self._measure.bits_per_square / PEAK
        y = engine.fetched(engine.split(engine.linear_gradient(slopes, self._quality)))
        return Gradients((y * engine.fetched(coded.walk.deltas()))[0])
