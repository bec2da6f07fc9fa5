"""Simulated integers: what `cnncompress.entropy.integers` computes, as far as training needs it, with gradients.

The trainable twins hold real numbers. A layer's weights get as many fractional bits as eight bits, and the exactness of
its sums, allow in each output channel; activations have a fixed number of them, and clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from cnncompress.entropy.integers import EXACT_LIMIT, MAX_ACTIVATION, MAX_SHIFT, MAX_WEIGHT, IntegerConvolution
from cnncompress.entropy.scale_context import MAX_SURPRISE, SURPRISE_BITS
from cnncompress.entropy.scales import LOG_SCALE_BITS, MAX_HYPER_INPUT
from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS
from cnncompress.nn.quality import interpolated
from cnncompress.nn.straight_through import lower_bound, round_half_up, round_straight_through

ACTIVATION_BITS = 5
"""Fractional bits of an activation."""
HYPER_INPUT_BITS = 2
"""Fractional bits of a symbol of the hyper-latent: the twins see a quarter of it."""


@dataclass(frozen=True)
class Precision:
    """Fixed-point numbers that go into a layer and come out of it.

    Attributes:
        input_bits: Fractional bits of an input value.
        largest_input: Largest magnitude of an input value, as an integer.
        output_bits: Fractional bits of a result.
    """

    input_bits: int
    largest_input: int
    output_bits: int


HYPER_STEM = Precision(HYPER_INPUT_BITS, MAX_HYPER_INPUT, ACTIVATION_BITS)
CONTEXT_STEM = Precision(SURPRISE_BITS, MAX_SURPRISE, ACTIVATION_BITS)
HIDDEN = Precision(ACTIVATION_BITS, MAX_ACTIVATION, ACTIVATION_BITS)
HEAD = Precision(ACTIVATION_BITS, MAX_ACTIVATION, LOG_SCALE_BITS)


class TwinConv2d(nn.Conv2d):
    """A convolution with zero padding ("same" size) that can compute as the integer layer that it will become."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, precision: Precision) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        self.precision = precision

    def forward(  # type: ignore[override]
        self, x: Tensor, simulate_integers: bool, table: Tensor | None = None, position: Tensor | None = None
    ) -> Tensor:
        """Convolves.

        Args:
            x: float32 ``[B, C, h, w]``.
            simulate_integers: Round weights and biases as the integer layer does.
            table: float32 ``[A, D]``, added to the bias by quality.
            position: float32 ``[B]``, quality as a place among the anchors, where there is a table.

        Returns:
            float32 ``[B, D, h, w]``, not rounded.
        """
        weight, bias = self.weight, cast(Tensor, self.bias)
        row = None if table is None or position is None else interpolated(table, position)
        if simulate_integers:
            bits = self.weight_bits(table)
            weight = _fixed_within(weight, bits[:, None, None, None])
            sum_bits = bits + self.precision.input_bits
            bias = simulated_quantisation(bias, sum_bits)
            row = None if table is None or position is None else fixed_row(table, position, sum_bits)
        sums = F.conv2d(x, weight, bias, padding=self.padding)
        return sums if row is None else sums + row

    @torch.no_grad()
    def weight_bits(self, table: Tensor | None = None) -> Tensor:
        """Fractional bits of the weights of each output channel: float32 ``[D]``, integer values."""
        limits, weight = self.precision, self.weight
        added = cast(Tensor, self.bias).abs()
        if table is not None:
            added = added + table.abs().amax(0)
        within_eight = (MAX_WEIGHT + 0.49) / weight.abs().flatten(1).amax(1)
        # Rounding can make each weight larger by a half; the last addend is the half that rounds the result.
        spare = EXACT_LIMIT - 0.5 * weight[0].numel() * limits.largest_input - float(1 << MAX_SHIFT)
        sums = weight.abs().flatten(1).sum(1) * limits.largest_input + added * float(1 << limits.input_bits)
        bits = torch.log2(torch.minimum(within_eight, spare / sums)).floor()
        least = 1 + limits.output_bits - limits.input_bits  # a shift of 1
        return bits.clamp(least, least + MAX_SHIFT - 1)

    def to_integers(self, table: Tensor | None = None) -> IntegerConvolution:
        """Rounds to the integer layer; a bias that does not fit is saturated, which no bound lets through."""
        bits = self.weight_bits(table).double().cpu()
        weight = fixed(self.weight, bits[:, None, None, None]).clamp(-MAX_WEIGHT, MAX_WEIGHT)
        bias = fixed(cast(Tensor, self.bias), bits + self.precision.input_bits)
        shift = bits + (self.precision.input_bits - self.precision.output_bits)
        return IntegerConvolution(
            weight.to(torch.int8).numpy(), bias.to(torch.int32).numpy(), shift.to(torch.uint8).numpy()
        )

    @torch.no_grad()
    def load_integers(self, layer: IntegerConvolution) -> None:
        """Takes over the values of an integer layer, the inverse of `to_integers`."""
        bits = self.sum_bits(layer.shift) - self.precision.input_bits
        self.weight.copy_(torch.from_numpy(layer.weight).double() * 2.0 ** -bits[:, None, None, None])
        cast(Tensor, self.bias).copy_(torch.from_numpy(layer.bias).double() * 2.0 ** -self.sum_bits(layer.shift))

    def sum_bits(self, shift: NDArray[np.uint8]) -> Tensor:
        """Fractional bits of the sums of an integer layer: float64 ``[D]``, integer values."""
        return torch.from_numpy(shift).double() + self.precision.output_bits


def fixed(x: Tensor, bits: int | Tensor) -> Tensor:
    """Rounds real numbers to int64 with a number of fractional bits, saturated where int32 ends, on the CPU."""
    rounded = round_half_up(x.detach().double().cpu() * 2.0**bits)
    return rounded.clamp(-(2.0**31), 2.0**31 - 1).to(torch.int64)


def simulated_quantisation(x: Tensor, bits: int | Tensor) -> Tensor:
    """Rounds to a number of fractional bits, one for all or a tensor, with a straight-through gradient."""
    scale = 2.0**bits
    return round_straight_through(x * scale) / scale


def fixed_row(table: Tensor, position: Tensor, bits: int | Tensor) -> Tensor:
    """Row of a quality-dependent table as the integer networks interpolate it.

    Args:
        table: float32 ``[A, C]``.
        position: float32 ``[B]``, quality as a place among the anchors.
        bits: Fractional bits of its integers, one number for all or ``[C]``.

    Returns:
        float32 ``[B, C, 1, 1]``.
    """
    row = interpolated(simulated_quantisation(table, bits), position)
    return simulated_quantisation(row, bits if isinstance(bits, int) else bits[:, None, None])


def _fixed_within(weight: Tensor, bits: Tensor) -> Tensor:
    """Rounds weights, and clips them to eight bits, with a straight-through gradient."""
    scale = 2.0**bits
    rounded = round_half_up(weight.detach() * scale).clamp(-MAX_WEIGHT, MAX_WEIGHT) / scale
    return weight + (rounded - weight).detach()


def clipped_activation(x: Tensor, simulate_integers: bool) -> Tensor:
    """The activation of the trainable twins, in real units."""
    x = x.clamp(0.0, MAX_ACTIVATION / (1 << ACTIVATION_BITS))
    return simulated_quantisation(x, ACTIVATION_BITS) if simulate_integers else x


def nats_to_table(nats: Tensor, simulate_integers: bool) -> Tensor:
    """Log-scales within the scale table, with a gradient that lets them move back inside.

    Args:
        nats: float32, ``ln(sigma / SCALE_MIN)``, unbounded.
        simulate_integers: Round to the table's levels.

    Returns:
        float32 of the same shape.
    """
    bounded = lower_bound(nats, 0.0)
    bounded = -lower_bound(-bounded, -(SCALE_LEVELS - 1) / LEVELS_PER_NAT)
    if simulate_integers:
        bounded = round_straight_through(bounded * LEVELS_PER_NAT) / LEVELS_PER_NAT
    return bounded
