"""Scale networks: which entry of the scale table codes each symbol.

The decoder must select the same table as the encoder on every machine, so the scales come from the decoded z alone and
the network that computes them is run in integers (`IntegerScaleSynthesis`). Training uses its differentiable twin
(`ScaleSynthesis`), with simulated quantisation in the last phase. Both compute, per latent element,

    level = clamp(round(LEVELS_PER_NAT * (network(z_hat) + offset[quality, channel])), 0, SCALE_LEVELS - 1)

where the bracket is ``ln(sigma / SCALE_MIN)`` in nats, before the scale context (`cnncompress.nn.scale_context`) adds
to it. The architecture, four convolutions with clipped ReLU, works at 1/64 and 1/32 of the image's resolution::

    z_hat ── 3x3 (+ bias[quality]) ── 1x1 ── shuffle 2 ── 3x3 ── 1x1 ── shuffle 2 ── + offset[quality] ── level

The idea of fixing the entropy model's arithmetic is from Ballé, Johnston and Minnen, "Integer Networks for Data
Compression with Latent-Variable Models" (ICLR 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnncompress.model.config import ModelConfig
from cnncompress.nn.blocks import conv1x1, conv3x3, zero_initialised
from cnncompress.nn.integers import (
    ACCUMULATOR_BITS,
    ACTIVATION_BITS,
    MAX_ACTIVATION,
    WEIGHT_BITS,
    accumulator_bound,
    clipped_activation,
    fixed,
    integer_activation,
    integer_conv2d,
    nats_to_level,
    nats_to_table,
    simulated_quantisation,
)
from cnncompress.nn.quality import QualityTable
from cnncompress.nn.scale_context import IntegerScaleContext, ScaleContext

MAX_HYPER_SYMBOL = 1023
"""Largest magnitude of a hyper-latent symbol."""
HYPER_INPUT_SHIFT = 8
"""z enters as ``z << 8``, which is ``z / 4`` with ten fractional bits."""
MAX_TABLE_ENTRY = 1 << 40
"""Entries of the tables by quality are smaller in magnitude, so that their interpolation fits 64 bits."""
QUALITY_STEPS = 10000
"""Quality is an integer number of hundredths, 0 .. 10000."""

_CONTEXT = "context."


class ScaleSynthesis(nn.Module):
    """The trainable twin of the integer network."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, cell_channels = config.scale_width, 4 * config.latent_channels
        self.convolutions = nn.ModuleList(
            [
                conv3x3(config.hyper_channels, width),
                conv1x1(width, 4 * width),
                conv3x3(width, width),
                zero_initialised(conv1x1(width, cell_channels)),
            ]
        )
        self.input_bias = QualityTable(config.anchors, width)
        self.offset = QualityTable(config.anchors, config.latent_channels)
        self.hyper_offset = QualityTable(config.anchors, config.hyper_channels)
        self.context = ScaleContext(config)

    def _layers(self) -> list[nn.Conv2d]:
        return [cast(nn.Conv2d, layer) for layer in self.convolutions]

    def forward(self, z_hat: Tensor, position: Tensor, simulate_integers: bool) -> Tensor:
        """Computes the log-scales of the latent as far as the hyper-latent tells them.

        Args:
            z_hat: float32 ``[B, N, h/4, w/4]``.
            position: float32 ``[B]``, quality as a place among the anchors.
            simulate_integers: Round weights, activations and the result as the integer network does.

        Returns:
            float32 ``[B, M, h, w]``: ``ln(sigma / SCALE_MIN)``, unbounded; what `context` refines.
        """
        with torch.autocast(z_hat.device.type, enabled=False):
            x = z_hat * 2.0 ** (HYPER_INPUT_SHIFT - ACTIVATION_BITS)
            for index, layer in enumerate(self._layers()):
                weight = layer.weight
                if simulate_integers:
                    weight = simulated_quantisation(weight, WEIGHT_BITS)
                x = F.conv2d(x, weight, layer.bias, padding=weight.shape[-1] // 2)
                if index == 0:
                    x = x + self.input_bias(position)
                if index % 2:
                    x = F.pixel_shuffle(x, 2)
                if index < 3:
                    x = clipped_activation(x, simulate_integers)
            nats: Tensor = x + self.offset(position)
            return nats

    def hyper_log_scales(self, position: Tensor, simulate_integers: bool) -> Tensor:
        """Log-scales of the hyper-latent, ``[B, N, 1, 1]``: one per channel and quality."""
        return nats_to_table(self.hyper_offset(position), simulate_integers)

    def to_integers(self) -> dict[str, Tensor]:
        """Rounds all parameters to the integers that `IntegerScaleSynthesis` loads.

        Returns:
            State dictionary of `IntegerScaleSynthesis`, all int64; whether weights fit int32 is the caller's to check.
        """
        state: dict[str, Tensor] = {}
        for index, layer in enumerate(self._layers()):
            bias = cast(Tensor, layer.bias)
            state[f"weight_{index}"] = fixed(layer.weight, WEIGHT_BITS)
            state[f"bias_{index}"] = fixed(bias, ACCUMULATOR_BITS)
        state["input_bias"] = fixed(self.input_bias.table, ACCUMULATOR_BITS)
        state["offset"] = fixed(self.offset.table, ACCUMULATOR_BITS)
        state["hyper_offset"] = fixed(self.hyper_offset.table, ACCUMULATOR_BITS)
        return {**state, **{f"{_CONTEXT}{key}": value for key, value in self.context.to_integers().items()}}

    @torch.no_grad()
    def load_integers(self, state: Mapping[str, Tensor]) -> None:
        """Takes over the values of an integer network, the inverse of `to_integers`.

        Args:
            state: State dictionary of an `IntegerScaleSynthesis` of the same configuration.
        """
        for index, layer in enumerate(self._layers()):
            layer.weight.copy_(state[f"weight_{index}"].double() * 2.0**-WEIGHT_BITS)
            cast(Tensor, layer.bias).copy_(state[f"bias_{index}"].double() * 2.0**-ACCUMULATOR_BITS)
        for name in ("input_bias", "offset", "hyper_offset"):
            getattr(self, name).table.copy_(state[name].double() * 2.0**-ACCUMULATOR_BITS)
        own = {key.removeprefix(_CONTEXT): value for key, value in state.items() if key.startswith(_CONTEXT)}
        self.context.load_integers(own)


def largest_magnitude(x: Tensor) -> int:
    """Largest magnitude in an integer tensor, as a Python integer, which cannot overflow."""
    return max(abs(int(x.min())), abs(int(x.max())))


def interpolate_integers(table: Tensor, quality: int) -> Tensor:
    """Interpolates a table of integers between its anchors, exactly.

    Args:
        table: int64 ``[A, C]``, magnitudes below `MAX_TABLE_ENTRY`.
        quality: Hundredths, 0 .. 10000; the anchors are spread evenly over that range.

    Returns:
        int64 ``[C]``: ``floor((low * (10000 - r) + high * r + 5000) / 10000)``.
    """
    scaled = quality * (table.shape[0] - 1)
    low = min(scaled // QUALITY_STEPS, table.shape[0] - 2)
    rest = scaled - low * QUALITY_STEPS
    mixed = table[low] * (QUALITY_STEPS - rest) + table[low + 1] * rest + QUALITY_STEPS // 2
    return torch.div(mixed, QUALITY_STEPS, rounding_mode="floor")


class IntegerScaleSynthesis(nn.Module):
    """The network that selects the probability tables, in exact integers, on the CPU.

    Integers are carried in float64 (see `cnncompress.nn.integers`). It stays on the CPU whatever the device of the
    other networks: it costs about 0.3 kMAC per pixel, and the entropy coder, which needs its result, runs there.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, cell_channels = config.scale_width, 4 * config.latent_channels
        shapes = (
            (width, config.hyper_channels, 3, 3),
            (4 * width, width, 1, 1),
            (width, width, 3, 3),
            (cell_channels, width, 1, 1),
        )
        for index, shape in enumerate(shapes):
            self.register_buffer(f"weight_{index}", torch.zeros(shape, dtype=torch.int32))
            self.register_buffer(f"bias_{index}", torch.zeros(shape[0], dtype=torch.int64))
        self.register_buffer("input_bias", torch.zeros(config.anchors, width, dtype=torch.int64))
        self.register_buffer("offset", torch.zeros(config.anchors, config.latent_channels, dtype=torch.int64))
        self.register_buffer("hyper_offset", torch.zeros(config.anchors, config.hyper_channels, dtype=torch.int64))
        self.context = IntegerScaleContext(config)

    def accumulator_bounds(self) -> dict[str, int]:
        """Largest possible partial sum of each layer, by its weights' name; exactness needs all below 2^52."""
        bounds = {}
        for index in range(4):
            limit = MAX_HYPER_SYMBOL << HYPER_INPUT_SHIFT if index == 0 else MAX_ACTIVATION
            bound = accumulator_bound(self.get_buffer(f"weight_{index}"), self.get_buffer(f"bias_{index}"), limit)
            if index == 0:
                bound += largest_magnitude(self.get_buffer("input_bias"))
            if index == 3:
                bound += largest_magnitude(self.get_buffer("offset"))
            bounds[f"weight_{index}"] = bound
        # What the context adds is added to the last of these.
        context = self.context.accumulator_bounds()
        return bounds | {f"{_CONTEXT}{name}": bound + own for name, own in context.items()}

    def table_bound(self) -> int:
        """Largest magnitude in the tables by quality; exactness needs it below `MAX_TABLE_ENTRY`."""
        return max(largest_magnitude(self.get_buffer(name)) for name in ("input_bias", "offset", "hyper_offset"))

    def forward(self, z_hat: Tensor, quality: int) -> Tensor:
        """Computes the log-scale of every latent element as far as the hyper-latent tells it.

        Args:
            z_hat: Integer-valued ``[B, N, h/4, w/4]`` of any dtype, magnitudes up to `MAX_HYPER_SYMBOL`, on the CPU.
            quality: Hundredths, 0 .. 10000.

        Returns:
            float64 ``[B, M, h, w]``, integer values: ``ln(sigma / SCALE_MIN)`` with 24 fractional bits, unbounded; what
            `context` refines.
        """
        x = z_hat.double() * float(1 << HYPER_INPUT_SHIFT)
        for index in range(4):
            weight = self.get_buffer(f"weight_{index}").double()
            x = integer_conv2d(x, weight, self.get_buffer(f"bias_{index}").double())
            if index == 0:
                x = x + interpolate_integers(self.get_buffer("input_bias"), quality).double()[:, None, None]
            if index % 2:
                x = F.pixel_shuffle(x, 2)
            if index < 3:
                x = integer_activation(x)
        return x + interpolate_integers(self.get_buffer("offset"), quality).double()[:, None, None]

    def hyper_levels(self, quality: int) -> Tensor:
        """Scale levels of the hyper-latent's channels: uint8 ``[N]``."""
        return nats_to_level(interpolate_integers(self.get_buffer("hyper_offset"), quality).double())
