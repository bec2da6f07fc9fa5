"""The linear path of the synthesis alone, for previews and for the gradients of the search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.lazy import Recent
from cnncompress.engines.ncnn.graph import Graph
from cnncompress.engines.ncnn.kernels import Kernel
from cnncompress.engines.ncnn.mats import Floats, Memory
from cnncompress.engines.ncnn.nets import Net
from cnncompress.engines.ncnn.transforms import CENTRE, PEAK
from cnncompress.model.config import PATCH

_FACTORS_AT_HAND = 4
"""Number of preview nets kept, one for each factor."""


class LinearPath:
    """The inverse Karhunen-Loève transform to patches of pixels, and its adjoint. Threads may share it."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], memory: Memory, threads: int) -> None:
        """Loads no net yet; arguments as for `Analysis`."""
        self._klt = arrays["g_s.klt"].astype(np.float32)
        self._memory = memory
        self._threads = threads
        self.norms: Floats = np.square(self._klt).sum(0)
        """Squared norm of the patch of each channel, ``[M]``."""
        self._previews = Recent[int, Net](_FACTORS_AT_HAND)
        self._gradients = Recent[None, Net](1)

    def preview(self, y: Floats, factor: int, inverse_gain: Floats) -> NDArray[np.uint8]:
        """Reconstructs an image at a lower resolution.

        Args:
            y: float32 ``[M, h, w]``, scaled latent.
            factor: Reduction of each side; divides 16.
            inverse_gain: float32 ``[M]``.

        Returns:
            uint8 ``[16 h / factor, 16 w / factor, 3]``.
        """
        _, height, width = y.shape
        side = PATCH // factor
        inputs = {"latent": self._memory.copy_of(y), "gain": self._memory.vector(inverse_gain)}
        (patches,) = self._previews.get(factor, self._load_preview)(inputs)
        samples = patches.clip(0.0, PEAK).astype(np.uint8).reshape(3, side, side, height, width)
        pixels: NDArray[np.uint8] = samples.transpose(3, 1, 4, 2, 0).reshape(height * side, width * side, 3)
        return pixels

    def gradient(self, slopes: Floats, inverse_gain: Floats) -> Floats:
        """Maps a gradient with respect to samples to one with respect to the scaled latent.

        Args:
            slopes: float32 ``[H, W, 3]``.
            inverse_gain: float32 ``[M]``.

        Returns:
            float32 ``[M, H/16, W/16]``.
        """
        rows, columns = slopes.shape[0] // PATCH, slopes.shape[1] // PATCH
        by_sample = self._memory.new(3 * PATCH**2, rows, columns)
        patches = slopes.reshape(rows, PATCH, columns, PATCH, 3).transpose(4, 1, 3, 0, 2)
        np.copyto(by_sample.elements.reshape(3, PATCH, PATCH, rows, columns), patches)
        (gradient,) = self._gradients.get(None, self._load_gradient)(
            {"slopes": by_sample, "gain": self._memory.vector(inverse_gain)}
        )
        return gradient.copy()

    def _load_preview(self, factor: int) -> Net:
        channels, side = self._klt.shape[1], PATCH // factor
        averages = self._klt.reshape(3, side, factor, side, factor, channels).mean((2, 4)).reshape(-1, channels)
        # Adding a half turns rounding down into rounding to the nearest.
        kernel = Kernel.linear(averages[:, :, None, None]).scaled(PEAK).plus(CENTRE + 0.5)
        graph = Graph()
        latent, gain = graph.input("latent", channels), graph.input("gain", channels)
        return Net(graph, [graph.convolution(graph.product(latent, gain), kernel)], self._memory, self._threads)

    def _load_gradient(self, _: None) -> Net:
        samples, channels = self._klt.shape
        graph = Graph()
        slopes, gain = graph.input("slopes", samples), graph.input("gain", channels)
        gradient = graph.convolution(slopes, Kernel.linear(self._klt.T[:, :, None, None]))
        return Net(graph, [graph.product(gradient, gain)], self._memory, self._threads)
