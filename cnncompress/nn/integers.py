"""Integer arithmetic of the scale networks: fixed-point numbers, exact convolution, and their simulation in training.

Integers are carried in float64, which holds every one below 2^53 exactly. A convolution of integers whose partial sums
stay below that bound has one result, whatever the order of summation, the number of threads or the device.
`accumulator_bound` proves the condition for given weights; the export of a model refuses weights that break it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS
from cnncompress.nn.straight_through import lower_bound, round_half_up, round_straight_through

WEIGHT_BITS = 14
"""Fractional bits of an integer weight."""
ACTIVATION_BITS = 10
"""Fractional bits of an integer activation."""
ACCUMULATOR_BITS = WEIGHT_BITS + ACTIVATION_BITS
MAX_ACTIVATION = (16 << ACTIVATION_BITS) - 1

_LEVEL_SHIFT = ACCUMULATOR_BITS - (LEVELS_PER_NAT.bit_length() - 1)

MAX_EXACT_INTEGER = 2**53


def fixed(x: Tensor, bits: int) -> Tensor:
    """Rounds real numbers to int64 with ``bits`` fractional bits, on the CPU."""
    return round_half_up(x.detach().double().cpu() * float(1 << bits)).to(torch.int64)


def simulated_quantisation(x: Tensor, bits: int) -> Tensor:
    """Rounds to ``bits`` fractional bits with a straight-through gradient."""
    return round_straight_through(x * float(1 << bits)) * 2.0**-bits


def clipped_activation(x: Tensor, simulate_integers: bool) -> Tensor:
    """The activation of the trainable twins: ``0 .. MAX_ACTIVATION``, here in real units."""
    x = x.clamp(0.0, MAX_ACTIVATION / (1 << ACTIVATION_BITS))
    return simulated_quantisation(x, ACTIVATION_BITS) if simulate_integers else x


def integer_activation(accumulator: Tensor) -> Tensor:
    """The same of the integer networks: float64 accumulators to float64 activations, integer values both."""
    return shift_right_rounded(accumulator, WEIGHT_BITS).clamp(0.0, float(MAX_ACTIVATION))


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


def nats_to_level(accumulator: Tensor) -> Tensor:
    """Entry of the scale table.

    Args:
        accumulator: float64 with integer values, ``ln(sigma / SCALE_MIN)`` with 24 fractional bits.

    Returns:
        uint8 of the same shape, 0 .. 63.
    """
    return shift_right_rounded(accumulator, _LEVEL_SHIFT).clamp(0.0, SCALE_LEVELS - 1).to(torch.uint8)


def accumulator_bound(weight: Tensor, bias: Tensor, max_activation: int) -> int:
    """Bounds every partial sum of an integer convolution.

    Args:
        weight: Integer-valued ``[C_out, C_in, kh, kw]``.
        bias: Integer-valued ``[C_out]``.
        max_activation: Largest magnitude of an input value.

    Returns:
        The maximum over the output channels of ``sum |w| * max_activation + |b|``.
    """
    # Widened before abs(), and multiplied as Python integers: nothing here may wrap around and pass as small.
    sums: list[int] = weight.to(torch.int64).abs().flatten(1).sum(1).tolist()
    biases: list[int] = bias.to(torch.int64).tolist()
    return max(total * max_activation + abs(offset) for total, offset in zip(sums, biases, strict=True))


def integer_conv2d(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolves integers with zero padding ("same" size), exactly.

    Args:
        x: float64 ``[B, C_in, H, W]`` with integer values.
        weight: float64 ``[C_out, C_in, k, k]`` with integer values, ``k`` odd.
        bias: float64 ``[C_out]`` with integer values.

    Returns:
        float64 ``[B, C_out, H, W]`` with integer values.
    """
    return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)


def shift_right_rounded(x: Tensor, bits: int) -> Tensor:
    """Divides integers by ``2^bits``, rounding to nearest, halves upward.

    Args:
        x: float64 tensor with integer values below 2^52 in magnitude.
        bits: Shift, at least 1.

    Returns:
        float64 tensor of ``(x + 2^(bits-1)) >> bits``. Scaling by a power of two and flooring are exact in float64.
    """
    return torch.floor((x + float(1 << (bits - 1))) * 2.0**-bits)
