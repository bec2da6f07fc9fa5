"""Kernels of convolutions, and operations that can be folded into them.

Folding an operation keeps the function, up to rounding errors, and saves a pass over a feature map in every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Kernel:
    """Weights of a convolution.

    Attributes:
        weight: float32 ``[D, C, k, k]``.
        bias: float32 ``[D]``.
    """

    weight: Floats
    bias: Floats

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> Kernel:
        """Returns the convolution ``name.weight`` and ``name.bias``, in float32."""
        return cls(arrays[f"{name}.weight"].astype(np.float32), arrays[f"{name}.bias"].astype(np.float32))

    @classmethod
    def linear(cls, weight: Floats) -> Kernel:
        """Returns a convolution without bias."""
        return cls(weight, np.zeros(len(weight), np.float32))

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return len(self.weight)

    @property
    def size(self) -> int:
        """Side of the kernel."""
        return int(self.weight.shape[-1])

    def scaled(self, factors: NDArray[Any] | float) -> Kernel:
        """Returns the kernel with its outputs scaled by factors, one or ``[D]``."""
        factors = np.broadcast_to(np.asarray(factors, np.float32), self.bias.shape)
        return Kernel(self.weight * factors[:, None, None, None], self.bias * factors)

    def scaled_inputs(self, factors: NDArray[Any] | float) -> Kernel:
        """Returns the kernel with its inputs scaled by factors, one or ``[C]``."""
        factors = np.broadcast_to(np.asarray(factors, np.float32), self.weight.shape[1:2])
        return replace(self, weight=self.weight * factors[:, None, None])

    def plus(self, vector: NDArray[Any] | float) -> Kernel:
        """Returns the kernel with a vector ``[D]`` or a number added to its bias."""
        return replace(self, bias=self.bias + np.asarray(vector, np.float32))

    def plus_identity(self) -> Kernel:
        """Returns the kernel with its input added to its output; it has as many inputs as outputs."""
        weight = self.weight.copy()
        channels = np.arange(self.outputs)
        weight[channels, channels, self.size // 2, self.size // 2] += 1.0
        return replace(self, weight=weight)

    def after_unshuffle(self, factor: int) -> Kernel:
        """Returns one strided convolution for a pixel unshuffle and the pointwise kernel after it."""
        return replace(self, weight=self.weight.reshape(self.outputs, -1, factor, factor))
