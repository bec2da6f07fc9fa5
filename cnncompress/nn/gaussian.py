"""Probability of an integer symbol under a zero-mean Gaussian, and dead zones (`cnncompress.entropy.dead_zone`)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from cnncompress.entropy.dead_zone import MIN_LIKELIHOOD, STRENGTH
from cnncompress.model.config import SCALE_MIN
from cnncompress.nn.straight_through import lower_bound


def gaussian_bits(residual: Tensor, log_scale: Tensor) -> Tensor:
    """Bits of a symbol: minus log2 of the Gaussian's mass on ``residual ± 1/2`` (Ballé et al. 2018, appendix 6.2).

    Args:
        residual: float32, symbol (or its noisy stand-in), in steps.
        log_scale: float32 that broadcasts with it, ``ln(sigma / SCALE_MIN)``, at least 0.

    Returns:
        float32 of the broadcast shape, at most 24 bits each.
    """
    inverse_scale = torch.exp(-log_scale) * (math.sqrt(0.5) / SCALE_MIN)
    # Both bounds on the negative side, where the error function keeps its precision.
    magnitude = residual.abs()
    upper = torch.erfc((magnitude - 0.5) * inverse_scale)
    lower = torch.erfc((magnitude + 0.5) * inverse_scale)
    return -torch.log2(lower_bound(0.5 * (upper - lower), MIN_LIKELIHOOD))


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
