"""Rounding with a straight-through gradient."""

from __future__ import annotations

import torch
from torch import Tensor


def round_half_up(x: Tensor) -> Tensor:
    """Rounds to the nearest integer, halves upward: ``floor(x + 1/2)``, as an integer shift does.

    Args:
        x: Floating-point tensor of any shape.

    Returns:
        Tensor of the same shape and dtype with integer values.
    """
    return torch.floor(x + 0.5)


def round_straight_through(x: Tensor) -> Tensor:
    """Rounds in the forward pass and lets the gradient pass unchanged (Theis et al. 2017, section 2.1).

    Args:
        x: Floating-point tensor of any shape.

    Returns:
        Tensor of the same shape and dtype with integer values, whose gradient is that of ``x``.
    """
    return x + (round_half_up(x) - x).detach()
