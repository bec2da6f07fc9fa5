"""Integer scale networks of random numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.entropy.scales import IntegerScales, tensor_shapes
from cnncompress.model.config import ModelConfig


def random_tensors(config: ModelConfig, seed: int) -> dict[str, NDArray[Any]]:
    """Tensors of `IntegerScales` with which every level occurs and the context matters."""
    generator = np.random.default_rng(seed)
    ranges = {
        "bias": (-(1 << 13), 1 << 13), "shift": (7, 11), "input_bias": (-(1 << 12), 1 << 12), "offset": (0, 1 << 11),
        "hyper_offset": (-(9 << 8), 9 << 8), "surprise": (-127, 128),
    }  # fmt: skip
    tensors = {}
    for name, (kind, shape) in tensor_shapes(config).items():
        # Sums of wide layers must stay exact.
        largest = min(127, 40000 // math.prod(shape[1:]))
        low, high = ranges.get(name.rpartition(".")[2], (-largest, largest + 1))
        tensors[name] = generator.integers(low, high, shape).astype(kind)
    return tensors


def random_scales(config: ModelConfig, seed: int) -> IntegerScales:
    """Networks of such tensors."""
    return IntegerScales(config, random_tensors(config, seed))
