"""Exact integer convolution, carried in float64.

A float64 holds every integer below 2^53 exactly, so a convolution of integers whose partial sums stay below that
bound has one result, whatever the order of summation, the number of threads or the device. ``accumulator_bound``
proves the condition for given weights; the export of a model refuses weights that break it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_EXACT_INTEGER = 2**53


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
