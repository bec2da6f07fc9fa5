"""Rounding toward zero where a symbol costs more bits than its precision is worth.

A residual just above one half saves little distortion when it is coded as 1 rather than 0, but where zeros are expected
a 1 is expensive. Rate-distortion theory widens the quantiser's zero bin by half the extra bits over the weight of the
distortion (Sullivan, "Efficient Scalar Quantization of Exponential and Laplacian Random Variables", IEEE Transactions
on Information Theory, 1996); here that weight is one constant, because the gains make a step's distortion much alike in
all channels. Only the encoder rounds: files and decoders know nothing of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cnncompress.nn.gaussian import gaussian_bits

STRENGTH = 0.02
"""Widening in steps per bit that a 1 costs more than a 0. On held-out images, with networks that had been trained with
0.03, the rate at equal PSNR was 0.1 % lower for 0.015, 0.3 % for 0.02, and 0.6 % higher for 0.04."""


def dead_zone(log_scale: Tensor) -> Tensor:
    """How much later than at one half a residual is rounded up, by its scale.

    Args:
        log_scale: float32, ``ln(sigma / SCALE_MIN)``, at least 0.

    Returns:
        float32 of the same shape, 0 .. 0.37, in steps.
    """
    extra_bits = gaussian_bits(torch.ones_like(log_scale), log_scale) - gaussian_bits(
        torch.zeros_like(log_scale), log_scale
    )
    return (STRENGTH * extra_bits).clamp(min=0.0)


def round_with_dead_zone(residual: Tensor, widening: Tensor) -> Tensor:
    """Rounds magnitudes from ``k + 1/2 + widening`` upward to ``k + 1``.

    Args:
        residual: float32, in steps.
        widening: float32 that broadcasts with it, 0 .. 1/2.

    Returns:
        float32 of the broadcast shape with integer values.
    """
    return residual.sign() * torch.floor(residual.abs() + 0.5 - widening).clamp(min=0.0)
