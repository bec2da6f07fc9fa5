"""Descriptions of nets: layers in the text format of ncnn, and their weights.

Each method of a `Graph` adds a layer and returns the name of its output, a *blob*. `cnncompress.engines.ncnn.nets`
loads the description.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.ncnn.kernels import Kernel
from cnncompress.model.config import LEAKY_SLOPE

MAGIC = 7767517

_FLOAT32 = np.zeros(4, np.uint8)
"""Tag before weights in float32."""
_WITHOUT_WINOGRAD = 1 << 6
"""Feature mask of a layer, see `Graph.convolution`."""


@dataclass(frozen=True)
class _Layer:
    kind: str
    inputs: Sequence[str]
    output: str
    parameters: str


class Graph:
    """Description of a net, built layer by layer."""

    def __init__(self) -> None:
        """Starts without layers."""
        self._layers: list[_Layer] = []
        self._channels: dict[str, int] = {}
        self.weights: list[NDArray[Any]] = []
        """Arrays that loading the net reads, in order."""

    def channels(self, blob: str) -> int:
        """Returns the number of channels of a blob."""
        return self._channels[blob]

    def input(self, name: str, channels: int) -> str:
        """Adds an input: a feature map ``[C, H, W]`` or a vector ``[C, 1, 1]``."""
        return self._add("Input", (), "", channels, name)

    def convolution(
        self, source: str, kernel: Kernel, *, stride: int = 1, activation: bool = False, winograd: bool = True
    ) -> str:
        """Convolution with zero padding ("same" size), or without padding if the stride is the size of the kernel.

        Args:
            source: Input.
            kernel: Weights and bias.
            stride: 1, or the size of the kernel.
            activation: Whether a leaky ReLU follows.
            winograd: Whether to use Winograd's algorithm for a 3x3 kernel. It is slower if there are few input or
                output channels.
        """
        padding = kernel.size // 2 if stride == 1 else 0
        parameters = f" 3={stride} 4={padding}"
        if activation:
            parameters += f" 9=2 -23310=1,{LEAKY_SLOPE}"
        if not winograd:
            parameters += f" 31={_WITHOUT_WINOGRAD}"
        return self._with_kernel("Convolution", source, kernel, parameters)

    def expansion(self, source: str, kernel: Kernel) -> str:
        """Transposed convolution with stride k: each position becomes a block of ``k x k``."""
        return self._with_kernel("Deconvolution", source, kernel, f" 3={kernel.size}")

    def shuffle(self, source: str, factor: int) -> str:
        """Pixel shuffle: channel ``f^2 c + f i + j`` goes to row i and column j of each block of channel c."""
        return self._add("PixelShuffle", (source,), f"0={factor}", self.channels(source) // factor**2)

    def activation(self, source: str) -> str:
        """Leaky ReLU. It works in place, so the source must not be an input."""
        return self._add("ReLU", (source,), f"0={LEAKY_SLOPE}", self.channels(source))

    def sum(self, source: str, other: str) -> str:
        """Adds two feature maps, or a vector to all positions of the first."""
        return self._add("BinaryOp", (source, other), "0=0", self.channels(source))

    def product(self, source: str, other: str) -> str:
        """Multiplies two feature maps, or all positions of the first by a vector."""
        return self._add("BinaryOp", (source, other), "0=2", self.channels(source))

    def crop(self, source: str, region: str) -> str:
        """Cuts out a region, which is an input of the net, see `cnncompress.engines.ncnn.windows`."""
        return self._add("Crop", (source, region), "0=-233", self.channels(source))

    def residual_block(self, source: str, first: Kernel, second: Kernel) -> str:
        """Two 3x3 convolutions with a skip connection."""
        hidden = self.convolution(source, first, activation=True)
        return self.sum(source, self.convolution(hidden, second))

    def text(self, outputs: Sequence[str]) -> tuple[str, list[str]]:
        """Returns the description in the text format of ncnn.

        In ncnn a blob has one consumer; a Split layer copies it for several.

        Args:
            outputs: Blobs that are outputs of the net.

        Returns:
            The text, and the names of the outputs in it.
        """
        consumers = Counter(name for layer in self._layers for name in layer.inputs)
        consumers.update(outputs)
        taken = Counter[str]()

        def take(name: str) -> str:
            taken[name] += 1
            return f"{name}_{taken[name]}" if consumers[name] > 1 else name

        lines, blobs = [], 0
        for layer in self._layers:
            lines.append(_line(layer.kind, [take(name) for name in layer.inputs], [layer.output], layer.parameters))
            blobs += 1
            if consumers[layer.output] > 1:
                copies = [f"{layer.output}_{number}" for number in range(1, consumers[layer.output] + 1)]
                lines.append(_line("Split", [layer.output], copies, ""))
                blobs += len(copies)
        names = [take(name) for name in outputs]
        return "\n".join([str(MAGIC), f"{len(lines)} {blobs}", *lines, ""]), names

    def _with_kernel(self, kind: str, source: str, kernel: Kernel, parameters: str) -> str:
        weight = np.ascontiguousarray(kernel.weight, np.float32)
        self.weights += [_FLOAT32, weight, np.ascontiguousarray(kernel.bias, np.float32)]
        shape = f"0={kernel.outputs} 1={kernel.size} 5=1 6={weight.size}"
        return self._add(kind, (source,), shape + parameters, kernel.outputs)

    def _add(self, kind: str, inputs: Sequence[str], parameters: str, channels: int, name: str = "") -> str:
        output = name or f"blob{len(self._layers)}"
        self._layers.append(_Layer(kind, inputs, output, parameters))
        self._channels[output] = channels
        return output


def _line(kind: str, inputs: Sequence[str], outputs: Sequence[str], parameters: str) -> str:
    # A layer has the name of its first output.
    return " ".join([kind, outputs[0], str(len(inputs)), str(len(outputs)), *inputs, *outputs, parameters])
