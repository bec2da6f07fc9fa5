"""The networks of the spatial context of the means (`cnncompress.nn.mean_context`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.lazy import Lazy
from cnncompress.engines.ncnn.graph import Graph
from cnncompress.engines.ncnn.kernels import Kernel
from cnncompress.engines.ncnn.mats import FeatureMap, Memory
from cnncompress.engines.ncnn.nets import Net
from cnncompress.engines.quality import interpolated
from cnncompress.entropy.parts import STEPS
from cnncompress.model.config import ModelConfig
from cnncompress.units import Hundredths

SMALL_MAP = 256
"""Largest number of positions of a feature map for nets without Winograd's algorithm: that of 512x512 pixels. Up to
this size, reading the larger weights takes longer than the algorithm saves."""


class MeanContext:
    """A net for each of the four steps. Holds no state between calls; threads may share it."""

    def __init__(self, config: ModelConfig, arrays: Mapping[str, NDArray[Any]], memory: Memory, threads: int) -> None:
        """Loads no net yet; arguments as for `Analysis`."""

        def load(winograd: bool) -> list[Net]:
            descriptions = (_described(config, arrays, step) for step in range(STEPS))
            return [Net(*described, memory, threads, winograd=winograd) for described in descriptions]

        self._memory = memory
        self._quality = [arrays[f"context.{step}.quality.table"] for step in range(STEPS)]
        self._for_small_maps = Lazy(lambda: load(winograd=False))
        self._for_large_maps = Lazy(lambda: load(winograd=True))

    def means(
        self, step: int, known: FeatureMap, normaliser: NDArray[np.float32], quality: Hundredths
    ) -> NDArray[np.float32]:
        """Predicts the means of a step.

        Args:
            step: Number of the step.
            known: ``[F + step M, h/2, w/2]``: features, and normalised latents of the steps before.
            normaliser: float32 ``[M]``.
            quality: Quality of the file.

        Returns:
            float32 ``[M, h/2, w/2]``.
        """
        vector = self._memory.vector(interpolated(self._quality[step], quality))
        _, height, width = known.elements.shape
        nets = self._for_small_maps if height * width <= SMALL_MAP else self._for_large_maps
        inputs = {"known": known, "quality": vector, "normaliser": self._memory.vector(normaliser)}
        (means,) = nets.value[step](inputs)
        return means.copy()


def _described(config: ModelConfig, arrays: Mapping[str, NDArray[Any]], step: int) -> tuple[Graph, list[str]]:
    graph = Graph()
    known = graph.input("known", config.hyper_features + step * config.latent_channels)
    quality = graph.input("quality", config.context_width)
    normaliser = graph.input("normaliser", config.latent_channels)
    stem, spatial, pointwise, head = (
        Kernel.of(arrays, f"context.{step}.{name}") for name in ("stem", "body.1", "body.3", "head")
    )
    x = graph.activation(graph.sum(graph.convolution(known, stem), quality))
    x = graph.convolution(graph.convolution(x, spatial, activation=True), pointwise, activation=True)
    return graph, [graph.product(graph.convolution(x, head), normaliser)]
