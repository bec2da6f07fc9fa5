"""Analysis and synthesis transform: an image to its latent and back.

::

    x ─┬─ unshuffle 16 ── KLT (linear, float32) ───────────────────────────────┬─ + ── y
       └─ unshuffle 8 ── conv ── blocks @1/8 ── unshuffle 2 ── blocks @1/16 ── conv * std ─┘

The Karhunen-Loève transform of 16x16 patches runs beside the network, whose last layer starts at zero: an untrained
model is a working transform codec already. The synthesis mirrors it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnncompress.nn.blocks import ResidualBlock, activation, conv1x1, conv3x3, zero_initialised
from cnncompress.nn.config import PATCH, ModelConfig
from cnncompress.nn.quality import QualityTable
from cnncompress.ops.pointwise import pointwise

PATCH_VALUES = 3 * PATCH * PATCH


class AnalysisTransform(nn.Module):
    """``g_a``: image to latent."""

    klt_std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.klt = nn.Parameter(torch.zeros(config.latent_channels, PATCH_VALUES))
        self.register_buffer("klt_std", torch.ones(config.latent_channels))
        self.stem = nn.Sequential(nn.PixelUnshuffle(8), conv3x3(192, config.width_8))
        self.quality = QualityTable(config.anchors, config.width_8)
        self.body = nn.Sequential(
            *(ResidualBlock(config.width_8) for _ in range(config.blocks_8)),
            nn.PixelUnshuffle(2),
            conv1x1(4 * config.width_8, config.width_16),
            *(ResidualBlock(config.width_16) for _ in range(config.blocks_16)),
            activation(),
            zero_initialised(conv3x3(config.width_16, config.latent_channels)),
        )

    def forward(self, x: Tensor, position: Tensor) -> Tensor:
        """Computes the latent, before any gain.

        Args:
            x: float32 ``[B, 3, H, W]`` in ``0 .. 1``; H and W multiples of 64.
            position: float32 ``[B]``, quality as a place among the anchors.

        Returns:
            float32 ``[B, M, H/16, W/16]`` in units of the image's range (1.0 = white) times the patch's norm.
        """
        centred = x - 0.5
        with torch.autocast(x.device.type, enabled=False):
            linear = pointwise(F.pixel_unshuffle(centred, PATCH), self.klt)
        refined = self.body(self.stem(centred) + self.quality(position))
        y: Tensor = linear + self.klt_std[:, None, None] * refined.float()
        return y


class SynthesisTransform(nn.Module):
    """``g_s``: latent to image."""

    klt_std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.klt = nn.Parameter(torch.zeros(PATCH_VALUES, config.latent_channels))
        self.register_buffer("klt_std", torch.ones(config.latent_channels))
        self.stem = conv3x3(config.latent_channels, config.width_16)
        self.quality = QualityTable(config.anchors, config.width_16)
        self.body = nn.Sequential(
            *(ResidualBlock(config.width_16) for _ in range(config.blocks_16)),
            conv1x1(config.width_16, 4 * config.width_8),
            nn.PixelShuffle(2),
            *(ResidualBlock(config.width_8) for _ in range(config.blocks_8)),
            activation(),
            zero_initialised(conv3x3(config.width_8, 192)),
            nn.PixelShuffle(8),
        )

    def forward(self, y_hat: Tensor, position: Tensor) -> Tensor:
        """Reconstructs the image.

        Args:
            y_hat: float32 ``[B, M, h, w]``, decoded latent after the inverse gain.
            position: float32 ``[B]``, quality as a place among the anchors.

        Returns:
            float32 ``[B, 3, 16h, 16w]``, nominally in ``0 .. 1``, not clamped.
        """
        with torch.autocast(y_hat.device.type, enabled=False):
            linear = F.pixel_shuffle(pointwise(y_hat, self.klt), PATCH)
        normalised = y_hat / self.klt_std[:, None, None]
        refined = self.body(self.stem(normalised) + self.quality(position))
        x_hat: Tensor = linear + refined.float() + 0.5
        return x_hat
