"""Integer scale networks: they select the probability table of each symbol.

The decoder must select the same table as the encoder on every machine. So the scales are computed from decoded symbols
alone, by networks of 8-bit integers. Training uses their differentiable twins (`cnncompress.nn.twin_scales`).

A log-scale is ``ln(sigma / SCALE_MIN)`` in units of 1/256 nat. The hyper-latent z gives every symbol an initial
log-scale, by four convolutions at 1/64 and 1/32 of the image's resolution::

    z ── 3x3 (+ bias[quality]) ── 1x1 ── shuffle 2 ── 3x3 ── 1x1 ── + offset[quality] ── initial log-scale

All but the last are followed by the activation, clipping to ``0 .. 255``. The last has an output for every symbol of a
2x2 cell, in coding order. The scale context (`cnncompress.entropy.scale_context`) then refines the log-scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.entropy.integers import (
    EXACT_LIMIT,
    MAX_ACTIVATION,
    MAX_SHIFT,
    MAX_WEIGHT,
    Floats,
    IntegerConvolution,
    clipped,
    depth_to_space,
    interpolate,
)
from cnncompress.entropy.parts import STEPS
from cnncompress.entropy.scale_context import MAGNITUDES, IntegerScaleContext, context_shapes
from cnncompress.errors import InvalidModel
from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS, ModelConfig

MAX_HYPER_SYMBOL = 1023
"""Largest magnitude of a hyper-latent symbol."""
MAX_HYPER_INPUT = 127
"""Symbols are clipped to this magnitude at the input of the network."""
LOG_SCALE_BITS = 8
"""Fractional bits of a log-scale in nats."""

_LEVEL_STEP = (1 << LOG_SCALE_BITS) // LEVELS_PER_NAT


class IntegerScales:
    """The networks that select the probability tables, in exact integers. Holds no state; threads may share it."""

    def __init__(self, config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Takes over the tensors and verifies that all arithmetic with them is exact.

        Args:
            config: Shape of the model.
            tensors: Tensors by name, with the types and shapes of `tensor_shapes`.

        Raises:
            InvalidModel: A sum could exceed the integers that float32 represents, or a value is out of range.
        """
        self.config = config
        self.tensors = dict(tensors)
        self.synthesis = tuple(IntegerConvolution.of(tensors, f"synthesis.{index}") for index in range(4))
        self.context = IntegerScaleContext(config, tensors)
        self.parts = self.context.parts
        self._last = tuple(self.synthesis[3].part(part.in_latent) for part in self.parts)
        self._check()

    def bounds(self) -> dict[str, int]:
        """Returns the largest possible partial sum of each layer, by name; all must be below 2^24."""
        inputs = (MAX_HYPER_INPUT, *[MAX_ACTIVATION] * 3)
        more = (np.abs(self.tensors["input_bias"].astype(np.int64)).max(0), 0, 0, 0)
        found = {
            f"synthesis.{index}": int(layer.bounds(limit, added).max())
            for index, (layer, limit, added) in enumerate(zip(self.synthesis, inputs, more, strict=True))
        }
        return found | self.context.bounds()

    def log_scale_bound(self) -> int:
        """Returns the largest possible magnitude of a log-scale, with the context's correction; must be below 2^23."""
        in_advance = self.synthesis[3].result_bound(MAX_ACTIVATION) + _largest(self.tensors["offset"])
        return max(in_advance + self.context.correction_bound(), _largest(self.tensors["hyper_offset"]))

    def _check(self) -> None:
        for name, tensor in self.tensors.items():
            kind = name.rpartition(".")[2]
            if kind == "shift" and not (tensor.min() >= 1 and tensor.max() <= MAX_SHIFT):
                raise InvalidModel(f"scales.{name} must be within 1 .. {MAX_SHIFT}")
            if tensor.dtype == np.int8 and tensor.min() < -MAX_WEIGHT:
                raise InvalidModel(f"scales.{name} must be within -{MAX_WEIGHT} .. {MAX_WEIGHT}")
        for name, bound in self.bounds().items():
            if bound >= EXACT_LIMIT:
                raise InvalidModel(f"sums of scales.{name} can reach {bound}, the limit is 2^24")
        if self.log_scale_bound() >= EXACT_LIMIT // 2:
            raise InvalidModel(f"a log-scale can reach {self.log_scale_bound()}, the limit is 2^23")

    def products_per_cell(self) -> float:
        """Returns multiply-accumulates per 2x2 cell of the latent, which has a quarter of a hyper-latent position."""
        sizes = [layer.weight.size for layer in self.synthesis]
        context = sum(
            layer.weight.size
            for network in self.context.networks.values()
            for layer in (network.stem, network.middle, network.head)
        )
        return sum(sizes[:2]) / 4 + sum(sizes[2:]) + context

    def features(self, z: NDArray[np.int32], quality: int) -> Floats:
        """Runs all layers but the last.

        Args:
            z: int32 ``[N, h/4, w/4]``, symbols of the hyper-latent.
            quality: Hundredths, 0 .. 10000.

        Returns:
            float32 ``[S, h/2, w/2]``, integer values; an argument of `in_advance`.
        """
        first, second, third, _ = self.synthesis
        x = np.clip(z, -MAX_HYPER_INPUT, MAX_HYPER_INPUT).astype(np.float32)
        x = clipped(first(x, interpolate(self.tensors["input_bias"], quality)))
        return clipped(third(depth_to_space(clipped(second(x)))))

    def in_advance(self, part: int, features: Floats, quality: int) -> Floats:
        """Computes the initial log-scales of a part.

        Args:
            part: Number of the part.
            features: Result of `features`.
            quality: Hundredths, 0 .. 10000.

        Returns:
            float32 ``[n, h/2, w/2]``, integer values in 1/256 nat, unbounded.
        """
        log_scales = self._last[part](features)
        offset = interpolate(self.tensors["offset"][:, self.parts[part].in_step], quality)
        log_scales += offset.astype(np.float32)[:, None, None]
        return log_scales

    def hyper_levels(self, quality: int) -> NDArray[np.uint8]:
        """Returns the scale levels of the hyper-latent's channels: uint8 ``[N]``."""
        return scale_levels(interpolate(self.tensors["hyper_offset"], quality).astype(np.float32))


def scale_levels(log_scales: Floats) -> NDArray[np.uint8]:
    """Converts log-scales t in 1/256 nat to levels, ``clamp((t + 16) >> 5, 0, 63)``: uint8 of the same shape."""
    levels = (log_scales + _LEVEL_STEP // 2) * (1.0 / _LEVEL_STEP)
    # Conversion to an integer rounds down, since the values are not negative.
    return np.clip(levels, 0.0, SCALE_LEVELS - 1, out=levels).astype(np.uint8)


def tensor_shapes(config: ModelConfig) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Returns types (NumPy's names) and shapes of the tensors of `IntegerScales`, by name."""
    width, channels = config.scale_width, config.latent_channels
    layers = {
        "synthesis.0": (width, config.hyper_channels, 3),
        "synthesis.1": (4 * width, width, 1),
        "synthesis.2": (width, width, 3),
        "synthesis.3": (STEPS * channels, width, 1),
    } | context_shapes(config)
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, (outputs, inputs, kernel) in layers.items():
        found[f"{name}.weight"] = ("int8", (outputs, inputs, kernel, kernel))
        found[f"{name}.bias"] = ("int32", (outputs,))
        found[f"{name}.shift"] = ("uint8", (outputs,))
    tables = {"input_bias": width, "offset": channels, "hyper_offset": config.hyper_channels}
    found |= {name: ("int32", (config.anchors, size)) for name, size in tables.items()}
    return found | {"context.surprise": ("int8", (SCALE_LEVELS, MAGNITUDES))}


def _largest(tensor: NDArray[Any]) -> int:
    """Returns the largest magnitude as a Python integer, which cannot overflow."""
    return max(abs(int(tensor.min())), abs(int(tensor.max())))
