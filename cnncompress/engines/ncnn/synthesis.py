"""The synthesis transform (`cnncompress.nn.transforms.SynthesisTransform`) up to its restoration filter, as one net.

Its output has blocks of 8x8 pixels folded into channels, from which the restoration filter reads pixels piece by piece.
The unit is that of samples, 1/255.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.ncnn.kernels import Kernel
from cnncompress.engines.ncnn.mats import Memory
from cnncompress.engines.ncnn.nets import Net
from cnncompress.engines.ncnn.transforms import FOLD, FOLDED_CHANNELS, PEAK, TransformGraph
from cnncompress.engines.ncnn.windows import Region
from cnncompress.engines.quality import interpolated
from cnncompress.model.config import PATCH, ModelConfig
from cnncompress.model.network_arrays import synthesis_names
from cnncompress.model.receptive_field import Margin, Margins, restoration_reach, synthesis_layers
from cnncompress.units import Hundredths

_HALVES = PATCH // FOLD


class Synthesis:
    """Maps the latent to pixels before restoration. Holds no state between calls; threads may share it."""

    def __init__(self, config: ModelConfig, arrays: Mapping[str, NDArray[Any]], memory: Memory, threads: int) -> None:
        """Loads the net; arguments as for `Analysis`."""
        names = synthesis_names(config)
        self._memory = memory
        self._quality = arrays[f"{names.quality}.table"]
        self._latent_channels = config.latent_channels
        self._around = -(-restoration_reach(config) // FOLD)
        graph = TransformGraph(arrays, synthesis_layers(config)[:-1])  # the last layer unfolds the pixels
        self._trimming = graph.trimming
        latent, gain = graph.input("latent", config.latent_channels), graph.input("gain", config.latent_channels)
        quality = graph.input("quality", config.width_16)
        positions, blocks = graph.input("positions", 1), graph.input("blocks", 1)
        unscaled = graph.product(latent, gain)
        x = graph.trimmed_convolution(unscaled, graph.kernel(names.stem).scaled_inputs(1 / arrays[names.klt_std]))
        x = graph.trimmed_blocks(graph.sum(x, quality), names.first_blocks)
        x = graph.shuffle(graph.convolution(x, graph.kernel(names.resampling)), 2)
        x = graph.activation(graph.trimmed_blocks(graph.trimming.after_layer(x), names.last_blocks))
        refined = graph.trimmed_convolution(x, graph.kernel(names.head).scaled(PEAK))
        linear = graph.expansion(graph.crop(unscaled, positions), _linear_path(arrays[names.klt]))
        self._net = Net(graph, [graph.sum(refined, graph.crop(linear, blocks))], memory, threads)

    def __call__(
        self, latent: NDArray[np.float32], quality: Hundredths, inverse_gain: NDArray[np.float32], margins: Margins
    ) -> tuple[NDArray[np.float32], Margins]:
        """Computes the input of the restoration filter.

        Args:
            latent: float32 ``[M, h, w]``, decoded scaled latent.
            quality: Quality of the file.
            inverse_gain: float32 ``[M]``.
            margins: Margins in latent positions.

        Returns:
            float32 ``[192, H/8, W/8]``, nominally in ``-127.5 .. 127.5``, in memory of the net; and its margins in
            blocks of 8x8 pixels.
        """
        height, width = latent.shape[1:]
        trim = self._trimming.plan(height, width, margins, self._around)
        # The linear path computes whole positions, so the outermost blocks may have to be cut off again.
        whole = Margins(*(Margin(-(-margin.extent // _HALVES)) for margin in trim.margins))
        seen = Region.within(height, width, margins.cut_to(whole))
        cut = whole.scaled(_HALVES, 1).cut_to(trim.margins)
        inputs = {
            "latent": self._memory.copy_of(latent),
            "gain": self._memory.vector(inverse_gain),
            "quality": self._memory.vector(interpolated(self._quality, quality)),
            "positions": seen.input(self._latent_channels),
            "blocks": Region.within(seen.height * _HALVES, seen.width * _HALVES, cut).input(FOLDED_CHANNELS),
        }
        (unrestored,) = self._net(inputs | self._trimming.inputs(trim))
        return unrestored, trim.margins


def _linear_path(klt: NDArray[Any]) -> Kernel:
    """The inverse transform to 16x16 patches as a transposed convolution to 2x2 blocks of 8x8 pixels."""
    channels = klt.shape[1]
    by_place = klt.reshape(3, _HALVES, FOLD, _HALVES, FOLD, channels).transpose(0, 2, 4, 5, 1, 3)
    return Kernel.linear(by_place.reshape(FOLDED_CHANNELS, channels, _HALVES, _HALVES)).scaled(PEAK)
