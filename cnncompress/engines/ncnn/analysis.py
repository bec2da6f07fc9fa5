"""The analysis transform (`cnncompress.nn.transforms.AnalysisTransform`) as one net.

The input has blocks of 8x8 pixels folded into channels. The linear path uses the same input as the network; it is a
convolution with a 2x2 kernel and stride 2. The kernels include the division of samples by 255.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.ncnn.kernels import Kernel
from cnncompress.engines.ncnn.mats import FeatureMap, Memory
from cnncompress.engines.ncnn.nets import Net
from cnncompress.engines.ncnn.transforms import CENTRE, FOLD, FOLDED_CHANNELS, PEAK, TransformGraph
from cnncompress.engines.ncnn.windows import Region
from cnncompress.engines.quality import interpolated
from cnncompress.model.config import PATCH, ModelConfig
from cnncompress.model.network_arrays import analysis_names
from cnncompress.model.receptive_field import WHOLE_IMAGE, Margins, analysis_layers
from cnncompress.units import Hundredths


class Analysis:
    """Maps pixels to the latent. Holds no state between calls; threads may share it."""

    def __init__(self, config: ModelConfig, arrays: Mapping[str, NDArray[Any]], memory: Memory, threads: int) -> None:
        """Loads the net.

        Args:
            config: Shape of the model.
            arrays: Arrays of the float networks, by name.
            memory: Memory for feature maps.
            threads: Number of threads.
        """
        names = analysis_names(config)
        self._memory = memory
        self._quality = arrays[f"{names.quality}.table"]
        graph = TransformGraph(arrays, analysis_layers(config)[1:])  # the first layer folds the pixels
        self._trimming = graph.trimming
        pixels, core = graph.input("pixels", FOLDED_CHANNELS), graph.input("core", 1)
        quality, gain = graph.input("quality", config.width_8), graph.input("gain", config.latent_channels)
        x = graph.trimmed_convolution(pixels, graph.kernel(names.stem).scaled_inputs(1 / PEAK))
        x = graph.trimmed_blocks(graph.sum(x, quality), names.first_blocks)
        x = graph.trimmed_convolution(x, graph.kernel(names.resampling).after_unshuffle(2), stride=2)
        x = graph.activation(graph.trimmed_blocks(x, names.last_blocks))
        refined = graph.trimmed_convolution(x, graph.kernel(names.head).scaled(arrays[names.klt_std]))
        linear = graph.convolution(graph.crop(pixels, core), _linear_path(arrays[names.klt]), stride=PATCH // FOLD)
        self._net = Net(graph, [graph.product(graph.sum(refined, linear), gain)], memory, threads)

    def __call__(
        self, pixels: NDArray[np.uint8], quality: Hundredths, gain: NDArray[np.float32], margins: Margins
    ) -> NDArray[np.float32]:
        """Analyses an image or a window of one.

        Args:
            pixels: uint8 ``[H, W, 3]``, multiples of 16.
            quality: Quality of the file.
            gain: float32 ``[M]``.
            margins: Margins in pixels, multiples of 16.

        Returns:
            float32 ``[M, H/16, W/16]``, in units of 1 / gain, without the margins.
        """
        height, width = pixels.shape[0] // FOLD, pixels.shape[1] // FOLD
        outer = margins.scaled(1, FOLD)
        inputs = {
            "pixels": folded_pixels(pixels, self._memory),
            "core": Region.within(height, width, outer.cut_to(WHOLE_IMAGE)).input(FOLDED_CHANNELS),
            "quality": self._memory.vector(interpolated(self._quality, quality)),
            "gain": self._memory.vector(gain),
        }
        (y,) = self._net(inputs | self._trimming.inputs(self._trimming.plan(height, width, outer)))
        return y.copy()


def folded_pixels(pixels: NDArray[np.uint8], memory: Memory) -> FeatureMap:
    """Centres samples and folds blocks of pixels into channels.

    Args:
        pixels: uint8 ``[H, W, 3]``, multiples of 8.
        memory: Memory for the result.

    Returns:
        ``[192, H/8, W/8]``, -127.5 .. 127.5.
    """
    rows, columns = pixels.shape[0] // FOLD, pixels.shape[1] // FOLD
    folded = memory.new(FOLDED_CHANNELS, rows, columns)
    elements = folded.elements
    blocks = pixels.reshape(rows, FOLD, columns, FOLD, 3).transpose(4, 1, 3, 0, 2)
    np.copyto(elements.reshape(3, FOLD, FOLD, rows, columns), blocks)
    elements -= np.float32(CENTRE)
    return folded


def _linear_path(klt: NDArray[Any]) -> Kernel:
    """The transform of 16x16 patches as a 2x2 kernel over blocks of 8x8 pixels."""
    halves = PATCH // FOLD
    by_place = klt.reshape(-1, 3, halves, FOLD, halves, FOLD).transpose(0, 1, 3, 5, 2, 4)
    return Kernel.linear(by_place.reshape(-1, FOLDED_CHANNELS, halves, halves)).scaled(1 / PEAK)
