"""Common parts of the nets of the analysis and the synthesis transform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from cnncompress.engines.ncnn.graph import Graph
from cnncompress.engines.ncnn.kernels import Kernel
from cnncompress.engines.ncnn.windows import Trimming
from cnncompress.model.receptive_field import Layer

FOLD = 8
"""Side in pixels of a block that is folded into channels, ``64 c + 8 i + j``."""
FOLDED_CHANNELS = 3 * FOLD**2
PEAK = 255.0
"""Largest sample. Half of it is subtracted from samples to centre them."""
CENTRE = PEAK / 2


class TransformGraph(Graph):
    """Description of a transform's net, which runs on windows."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], layers: Sequence[Layer]) -> None:
        """Starts without layers.

        Args:
            arrays: Arrays of the float networks, by name.
            layers: Geometry of the transform's layers.
        """
        super().__init__()
        self._arrays = arrays
        self.trimming = Trimming(self, layers)

    def kernel(self, name: str) -> Kernel:
        """Returns a convolution by name."""
        return Kernel.of(self._arrays, name)

    def trimmed_convolution(self, source: str, kernel: Kernel, stride: int = 1) -> str:
        """Adds a convolution that counts as a layer of the transform."""
        return self.trimming.after_layer(self.convolution(source, kernel, stride=stride))

    def trimmed_blocks(self, source: str, names: Sequence[str]) -> str:
        """Adds residual blocks that count as layers of the transform."""
        for name in names:
            block = self.residual_block(source, self.kernel(f"{name}.conv1"), self.kernel(f"{name}.conv2"))
            source = self.trimming.after_layer(block)
        return source
