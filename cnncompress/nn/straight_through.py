"""Rounding and bounds whose gradients let training go on as if they were not there."""

from __future__ import annotations

from typing import Any

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


class _LowerBound(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        (grad,) = grad_outputs
        # Gradient descent moves x against the gradient: below the bound only steps upward may pass.
        passes = (x >= ctx.bound) | (grad < 0)
        return grad * passes, None


def lower_bound(x: Tensor, bound: float) -> Tensor:
    """Computes ``max(x, bound)`` with a gradient that never pushes ``x`` further below the bound.

    Args:
        x: Floating-point tensor of any shape.
        bound: Smallest value of the result.

    Returns:
        Tensor of the same shape and dtype.
    """
    result: Tensor = _LowerBound.apply(x, bound)
    return result
