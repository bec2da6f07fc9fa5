"""Building blocks of the transforms."""

from __future__ import annotations

from torch import Tensor, nn


def conv1x1(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A pointwise convolution with bias."""
    return nn.Conv2d(in_channels, out_channels, 1)


def conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 3x3 convolution with bias and zero padding."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


def zero_initialised(layer: nn.Conv2d) -> nn.Conv2d:
    """Sets a layer's parameters to zero, so that what it adds to grows from nothing."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def activation() -> nn.Module:
    """The activation of all float networks."""
    return nn.LeakyReLU(0.1, inplace=True)


class DepthwiseBlock(nn.Module):
    """Pointwise, depthwise and pointwise convolution, then a pointwise feed-forward part (as in DCVC)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = nn.Sequential(
            conv1x1(channels, channels),
            activation(),
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            conv1x1(channels, channels),
        )
        self.feed_forward = nn.Sequential(conv1x1(channels, 2 * channels), activation(), conv1x1(2 * channels, channels))
        for branch in (self.spatial, self.feed_forward):
            branch[-1].weight.data.mul_(0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[B, C, H, W]`` to the same shape."""
        x = x + self.spatial(x)
        result: Tensor = x + self.feed_forward(x)
        return result


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
