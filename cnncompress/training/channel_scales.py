"""Learned scales of a convolution's input and output channels, folded into its weights (PICO, arXiv 2605.05148)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class ChannelScale(nn.Module):
    """``weight[o, i] * exp(output[o] + input[i])``."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.output = nn.Parameter(torch.zeros(weight.shape[0]))
        self.input = nn.Parameter(torch.zeros(weight.shape[1]))

    def forward(self, weight: Tensor) -> Tensor:
        """Scales a weight."""
        return weight * self.output.exp()[:, None, None, None] * self.input.exp()[None, :, None, None]


def add_channel_scales(network: nn.Module) -> None:
    """Gives every convolution learned scales."""
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d) and module.groups == 1:
            parametrize.register_parametrization(module, "weight", ChannelScale(module.weight))
