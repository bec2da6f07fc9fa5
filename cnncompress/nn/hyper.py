"""Hyper-analysis and hyper-synthesis transform: the side information z.

The hyper-latent lives at 1/64 of the image's resolution. The networks work on *cells*, 2x2 latent positions folded
into channels, because that is the grid of the context model. The scales have a synthesis network of their own, in
integers: `cnncompress.nn.twin_scales`.
"""

from __future__ import annotations

from torch import Tensor, nn

from cnncompress.model.config import ModelConfig
from cnncompress.nn.blocks import activation, conv1x1, conv3x3
from cnncompress.nn.quality import QualityTable


class HyperAnalysis(nn.Module):
    """``h_a``: normalised latent to hyper-latent."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), conv1x1(4 * config.latent_channels, config.hyper_width))
        self.quality = QualityTable(config.anchors, config.hyper_width)
        self.body = nn.Sequential(
            activation(),
            conv3x3(config.hyper_width, config.hyper_width),
            activation(),
            nn.PixelUnshuffle(2),
        )
        self.head = conv1x1(4 * config.hyper_width, config.hyper_channels)

    def forward(self, y_normalised: Tensor, position: Tensor) -> Tensor:
        """Computes the hyper-latent before quantisation.

        Args:
            y_normalised: float32 ``[B, M, h, w]`` of about unit variance; h and w multiples of 4.
            position: float32 ``[B]``, quality as a place among the anchors.

        Returns:
            float32 ``[B, N, h/4, w/4]``, in units of the quantisation step.
        """
        cells = self.stem(y_normalised) + self.quality(position)  # [B, hyper_width, h/2, w/2]
        z: Tensor = self.head(self.body(cells))  # [B, 4 * hyper_width, h/4, w/4] -> [B, N, h/4, w/4]
        # A random network's output is well below one step; without a head start z rounds to nothing and stays there.
        return 4.0 * z.float()


class HyperSynthesis(nn.Module):
    """``h_s``: decoded hyper-latent to features for the context model's means."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.stem = conv3x3(config.hyper_channels, config.hyper_width)
        self.quality = QualityTable(config.anchors, config.hyper_width)
        self.body = nn.Sequential(
            activation(),
            conv1x1(config.hyper_width, 4 * config.hyper_features),
            activation(),
            nn.PixelShuffle(2),
        )

    def forward(self, z_hat: Tensor, position: Tensor) -> Tensor:
        """Computes features on the grid of cells.

        Args:
            z_hat: float32 ``[B, N, h/4, w/4]`` with integer values (noisy ones in training).
            position: float32 ``[B]``, quality as a place among the anchors.

        Returns:
            float ``[B, hyper_features, h/2, w/2]``.
        """
        hidden = self.stem(0.25 * z_hat) + self.quality(position)  # [B, hyper_width, h/4, w/4]
        features: Tensor = self.body(hidden)  # [B, hyper_features, h/2, w/2]
        return features
