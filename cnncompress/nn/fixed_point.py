"""Fixed-point numbers of the scale networks: their precision, and their simulation in training."""

from __future__ import annotations

import torch
from torch import Tensor

from cnncompress.nn.config import LEVELS_PER_NAT, SCALE_LEVELS
from cnncompress.ops.bounds import lower_bound
from cnncompress.ops.intconv import shift_right_rounded
from cnncompress.ops.rounding import round_half_up, round_straight_through

WEIGHT_BITS = 14
"""Fractional bits of an integer weight."""
ACTIVATION_BITS = 10
"""Fractional bits of an integer activation."""
ACCUMULATOR_BITS = WEIGHT_BITS + ACTIVATION_BITS
MAX_ACTIVATION = (16 << ACTIVATION_BITS) - 1

_LEVEL_SHIFT = ACCUMULATOR_BITS - (LEVELS_PER_NAT.bit_length() - 1)


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
