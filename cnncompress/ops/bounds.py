"""Bounds whose gradient still lets a value move back inside."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


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
