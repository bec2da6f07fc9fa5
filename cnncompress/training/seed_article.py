"""The network of the article that this project began with, for comparison.

Three 3x3 convolutions with ReLU and 2x2 max pooling make features at 1/8 of the resolution, which a 1x1 convolution
shrinks by a ratio; transposed convolutions with up-sampling reconstruct the image. The article quantises and codes the
features. Here a gain by quality makes one set of weights serve all rates, and each channel has a scale by quality: the
same loss and the same tables as the codec's own network, no hyperprior and no context.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from cnncompress.model.config import SCALE_MIN, ModelConfig
from cnncompress.nn.gaussian import dead_zone, gaussian_bits, round_with_dead_zone
from cnncompress.nn.quality import QualityTable
from cnncompress.nn.straight_through import round_straight_through
from cnncompress.nn.twin_layers import nats_to_table
from cnncompress.training.hyperprior import HyperpriorOutput, TrainableModel

RATIO = 2
"""Features are shrunk from 128 to 128 / RATIO channels at 1/8: one value for each pixel."""


class SeedArticleNetwork(nn.Module):
    """Encoder and decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.g_a = nn.Sequential(
            nn.Conv2d(3, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 128, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(128, 128 // RATIO, 1),
        )
        self.g_s = nn.Sequential(
            nn.ConvTranspose2d(128 // RATIO, 128, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.ConvTranspose2d(128, 64, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.ConvTranspose2d(64, 32, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.ConvTranspose2d(32, 3, 3, padding=1),
        )


class SeedArticleModel(TrainableModel):
    """The network with its gains and scales by quality."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.network = SeedArticleNetwork()
        channels = 128 // RATIO
        self.log_gain = QualityTable(config.anchors, channels)
        self.log_inverse_gain = QualityTable(config.anchors, channels)
        self.log_scale = QualityTable(config.anchors, channels)
        ramp = torch.linspace(0.5, 3.5, config.anchors)[:, None]
        with torch.no_grad():
            self.log_gain.table.add_(ramp)
            self.log_inverse_gain.table.sub_(ramp)
            self.log_scale.table.add_(ramp - math.log(SCALE_MIN) - 1.0)

    def forward(self, x: Tensor, position: Tensor, *, simulate_integers: bool = False) -> HyperpriorOutput:
        """Codes a batch as `HyperpriorModel.forward` does; the only integers to simulate are the table's scales."""
        y = self.network.g_a(x - 0.5).float() * self.log_gain(position).exp()
        log_scale = nats_to_table(self.log_scale(position), simulate_integers)
        if self.training:
            symbols, coded = round_straight_through(y), y + torch.rand_like(y) - 0.5
        else:
            symbols = coded = round_with_dead_zone(y, dead_zone(log_scale))
        bits = gaussian_bits(coded, log_scale).sum((1, 2, 3))
        x_hat = self.network.g_s(symbols * self.log_inverse_gain(position).exp()).float() + 0.5
        return HyperpriorOutput(x_hat, bits, torch.zeros_like(bits))
