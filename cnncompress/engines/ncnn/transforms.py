"""What the nets of the analysis and the synthesis transform share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from cnncompress.engines.ncnn.graph import Graph
from cnncompress.engines.ncnn.kernels import Kernel
from cnncompress.engines.ncnn.windows import Trimming
from cnncompress.model.receptive_field import Layer

FOLD = 8
"""Pixels along each side of a block that is folded into channels, ``64 c + 8 i + j``."""
FOLDED_CHANNELS = 3 * FOLD**2
PEAK = 255.0
"""Largest sample; samples are centred around half of it."""
CENTRE = PEAK / 2


class TransformGraph(Graph):
    """The net of a transform over windows."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], layers: Sequence[Layer]) -> None:
        """Starts without layers.

        Args:
            arrays: Of the float networks, by name.
            layers: What those of the transform do to positions.
        """
        super().__init__()
        self._arrays = arrays
        self.trimming = Trimming(self, layers)

    def kernel(self, name: str) -> Kernel:
        """The convolution of a name."""
        return Kernel.of(self._arrays, name)

    def trimmed_convolution(self, source: str, kernel: Kernel, stride: int = 1) -> str:
        """A convolution as one of the transform's layers."""
        return self.trimming.after_layer(self.convolution(source, kernel, stride=stride))

    def trimmed_blocks(self, source: str, names: Sequence[str]) -> str:
        """Residual blocks as layers of the transform."""
        for name in names:
            block = self.residual_block(source, self.kernel(f"{name}.conv1"), self.kernel(f"{name}.conv2"))
            source = self.trimming.after_layer(block)
        return source
