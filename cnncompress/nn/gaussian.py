"""Probability of an integer symbol under a zero-mean Gaussian."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from cnncompress.nn.config import SCALE_MIN
from cnncompress.ops.bounds import lower_bound

MIN_LIKELIHOOD = 2.0**-24


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
