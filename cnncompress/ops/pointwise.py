"""1x1 convolutions whose result does not depend on the number of threads."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolves with a 1x1 kernel.

    oneDNN cuts the sum over the channels of a 1x1 convolution in other places for one thread than for several, which
    changes the last bits, and after rounding the file. The same sum as a product of matrices is never cut.

    Args:
        x: float ``[B, C, H, W]``.
        weight: float ``[D, C]``.
        bias: float ``[D]``.

    Returns:
        float ``[B, D, H, W]``; on the CPU, unless the weight is trained, with ``channels_last`` strides.
    """
    if x.device.type != "cpu" or (torch.is_grad_enabled() and weight.requires_grad):
        return F.conv2d(x, weight[:, :, None, None], bias)
    rows = x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    return F.linear(rows, weight, bias).permute(0, 3, 1, 2)
