"""Building blocks of the transforms."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnncompress.model.config import LEAKY_SLOPE


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution that gives the same result with any number of threads."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as torch calls it
        """Maps ``[B, C, H, W]`` to ``[B, D, H, W]``."""
        return pointwise(input, self.weight[:, :, 0, 0], self.bias)


SMALL_GRID = 512
"""Positions up to which a 3x3 convolution is computed as a product of matrices."""


class SpatialConv2d(nn.Conv2d):
    """A 3x3 convolution with zero padding that gives the same result with any number of threads."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as torch calls it
        """Maps ``[B, C, H, W]`` to ``[B, D, H, W]``."""
        height, width = input.shape[-2:]
        if height * width > SMALL_GRID or not _coding_on_cpu(input, self.weight):
            result: Tensor = super().forward(input)
            return result
        # Where there are too few positions to keep all threads busy, oneDNN cuts the sums instead, as for 1x1.
        columns = F.unfold(input, 3, padding=1).transpose(1, 2)
        rows = F.linear(columns, self.weight.flatten(1), self.bias)
        return rows.transpose(1, 2).reshape(len(input), -1, height, width)


def conv1x1(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A pointwise convolution with bias."""
    return PointwiseConv2d(in_channels, out_channels, 1)


def conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 3x3 convolution with bias and zero padding."""
    return SpatialConv2d(in_channels, out_channels, 3, padding=1)


def zero_initialised(layer: nn.Conv2d) -> nn.Conv2d:
    """Sets a layer's parameters to zero, so that what it adds to grows from nothing."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def activation() -> nn.Module:
    """The activation of all float networks."""
    return nn.LeakyReLU(LEAKY_SLOPE, inplace=True)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around an identity (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels)
        self.act = activation()
        self.conv2 = conv3x3(channels, channels)
        # Half-sized branches keep the sum of many blocks near the size of its input when training starts.
        self.conv2.weight.data.mul_(0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[B, C, H, W]`` to the same shape."""
        result: Tensor = x + self.conv2(self.act(self.conv1(x)))
        return result


class ResidualLayer(nn.Module):
    """One 3x3 convolution around an identity, and the activation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv3x3(channels, channels)
        self.act = activation()

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[B, C, H, W]`` to the same shape."""
        result: Tensor = self.act(x + self.conv(x))
        return result


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolves with a 1x1 kernel.

    oneDNN cuts the sum over the channels of a 1x1 convolution in other places for one thread than for several, which
    changes the last bits, and after rounding the file. A product of matrices is not cut
    (`cnncompress.engines.torch_devices.fix_summation_order`).

    Args:
        x: Float ``[B, C, H, W]``.
        weight: Float ``[D, C]``.
        bias: Float ``[D]``.

    Returns:
        float ``[B, D, H, W]``; on the CPU, unless the weight is trained, with ``channels_last`` strides.
    """
    if not _coding_on_cpu(x, weight):
        return F.conv2d(x, weight[:, :, None, None], bias)
    rows = x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    return F.linear(rows, weight, bias).permute(0, 3, 1, 2)


def _coding_on_cpu(x: Tensor, weight: Tensor) -> bool:
    """Whether the result may reach a file: on the CPU, where libraries cut sums, and not in training."""
    return x.device.type == "cpu" and not (torch.is_grad_enabled() and weight.requires_grad)
