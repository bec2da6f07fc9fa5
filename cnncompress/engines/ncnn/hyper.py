"""The hyper-analysis and hyper-synthesis transform (`cnncompress.nn.hyper`), each as one net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.ncnn.graph import Graph
from cnncompress.engines.ncnn.kernels import Kernel
from cnncompress.engines.ncnn.mats import Floats, Memory
from cnncompress.engines.ncnn.nets import Net
from cnncompress.engines.quality import interpolated
from cnncompress.model.config import ModelConfig
from cnncompress.units import Hundredths


class HyperAnalysis:
    """Maps the latent to the hyper-latent. Holds no state between calls; threads may share it."""

    def __init__(self, config: ModelConfig, arrays: Mapping[str, NDArray[Any]], memory: Memory, threads: int) -> None:
        """Loads the net; arguments as for `Analysis`."""
        self._memory = memory
        self._quality = arrays["h_a.quality.table"]
        graph = Graph()
        latent, scale = (graph.input(name, config.latent_channels) for name in ("latent", "scale"))
        quality = graph.input("quality", config.hyper_width)
        stem = Kernel.of(arrays, "h_a.stem.1").after_unshuffle(2)
        x = graph.convolution(graph.product(latent, scale), stem, stride=2)
        x = graph.activation(graph.sum(x, quality))
        x = graph.convolution(x, Kernel.of(arrays, "h_a.body.1"), activation=True)
        head = Kernel.of(arrays, "h_a.head").after_unshuffle(2)
        self._net = Net(graph, [graph.convolution(x, head.scaled(4.0), stride=2)], memory, threads)

    def __call__(self, latent: Floats, quality: Hundredths, normaliser: Floats) -> Floats:
        """Maps a scaled latent to the hyper-latent before rounding.

        Args:
            latent: float32 ``[M, h, w]``, h and w multiples of 4.
            quality: Quality of the file.
            normaliser: float32 ``[M]``.

        Returns:
            float32 ``[N, h/4, w/4]``.
        """
        (z,) = self._net(
            {
                "latent": self._memory.copy_of(latent),
                "scale": self._memory.vector(np.reciprocal(normaliser)),
                "quality": self._memory.vector(interpolated(self._quality, quality)),
            }
        )
        return z.copy()


class HyperSynthesis:
    """Maps the hyper-latent to features for the context of the means, and to quantisation step sizes."""

    def __init__(self, config: ModelConfig, arrays: Mapping[str, NDArray[Any]], memory: Memory, threads: int) -> None:
        """Loads the net; arguments as for `Analysis`."""
        self._memory = memory
        self._quality = arrays["h_s.quality.table"]
        graph = Graph()
        z, quality = graph.input("z", config.hyper_channels), graph.input("quality", config.hyper_width)
        x = graph.convolution(z, Kernel.of(arrays, "h_s.stem").scaled_inputs(0.25))
        x = graph.activation(graph.sum(x, quality))
        features = graph.shuffle(graph.convolution(x, Kernel.of(arrays, "h_s.body.1"), activation=True), 2)
        log_deltas = graph.convolution(features, Kernel.of(arrays, "quantisation.head"))
        self._net = Net(graph, [features, log_deltas], memory, threads)

    def __call__(self, z: NDArray[np.int32], quality: Hundredths) -> tuple[Floats, Floats]:
        """Maps a decoded hyper-latent to the inputs of the coding steps.

        Args:
            z: int32 ``[N, h/4, w/4]``.
            quality: Quality of the file.

        Returns:
            Features, float32 ``[F, h/2, w/2]``, and unbounded logarithms of the quantisation step sizes, float32
            ``[16, h/2, w/2]``: channel ``4 g + p`` is for part g of a coding step and position p in the cell.
        """
        vector = self._memory.vector(interpolated(self._quality, quality))
        features, log_deltas = self._net({"z": self._memory.copy_of(z), "quality": vector})
        return features.copy(), log_deltas.copy()
