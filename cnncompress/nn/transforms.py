"""Analysis and synthesis transform: an image to its latent and back.

::

    x ─┬─ unshuffle 16 ── KLT (linear, float32) ───────────────────────────────┬─ + ── y
       └─ unshuffle 8 ── conv ── blocks @1/8 ── unshuffle 2 ── blocks @1/16 ── conv * std ─┘

The Karhunen-Loève transform of 16x16 patches runs beside the network, whose last layer starts at zero: an untrained
model is a working transform codec already. The synthesis mirrors it. What it makes is a sum of linear functions of
features at 1/8 and 1/16; a restoration filter at full resolution follows (`cnncompress.nn.restoration`).

Both may run over a window of the image (`cnncompress.model.receptive_field`) and give what they make of the whole
image there.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnncompress.model.config import PATCH, ModelConfig
from cnncompress.model.receptive_field import WHOLE_IMAGE, Margin, Margins
from cnncompress.nn.blocks import ResidualBlock, activation, conv1x1, conv3x3, pointwise, zero_initialised
from cnncompress.nn.margins import module_margins, run_window, trimmed
from cnncompress.nn.quality import QualityTable
from cnncompress.nn.restoration import RestorationFilter

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

    @property
    def reach(self) -> int:
        """How many pixels beside its own patch a latent position sees, on each side."""
        return module_margins([*self.stem, *self.body])[0]

    def forward(self, x: Tensor, position: Tensor, margins: Margins | None = None) -> Tensor:
        """Computes the latent, before any gain.

        Args:
            x: float32 ``[B, 3, H, W]`` in ``0 .. 1``; H and W multiples of 64, or of 16 for a window.
            position: float32 ``[B]``, quality as a place among the anchors.
            margins: In pixels, multiples of 16, at least `reach` wide where the image goes on; None for a whole image.

        Returns:
            float32 ``[B, M, H/16, W/16]`` in units of the image's range (1.0 = white) times the patch's norm; H and W
            without the margins.
        """
        centred = x - 0.5
        inside = centred if margins is None else trimmed(centred, margins)
        with torch.autocast(x.device.type, enabled=False):
            linear = pointwise(F.pixel_unshuffle(inside, PATCH), self.klt)  # [B, 768, H/16, W/16] -> [B, M, H/16, W/16]
        quality = self.quality(position)  # [B, width_8, 1, 1]
        if margins is None:
            refined = self.body(self.stem(centred) + quality)  # [B, width_8, H/8, W/8] -> [B, M, H/16, W/16]
        else:
            hidden, margins = run_window(self.stem, centred, margins, module_margins(self.body)[0])
            refined, _ = run_window(self.body, hidden + quality, margins)
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
        self.restoration = RestorationFilter(config)

    @property
    def reach(self) -> int:
        """How many latent positions beside the one above it a pixel sees, on each side."""
        return module_margins([self.stem, *self.body], self.restoration.reach)[0]

    def forward(self, y_hat: Tensor, position: Tensor, margins: Margins | None = None) -> Tensor:
        """Reconstructs the image.

        Args:
            y_hat: float32 ``[B, M, h, w]``, decoded latent after the inverse gain.
            position: float32 ``[B]``, quality as a place among the anchors.
            margins: In latent positions, at least `reach` wide where the image goes on; None for a whole image.

        Returns:
            float32 ``[B, 3, 16h, 16w]``, nominally in ``0 .. 1``, not clamped; h and w without the margins.
        """
        unrestored, kept = self.unrestored(y_hat, position, margins)
        return self.restored(unrestored, position, kept)

    def restored(self, unrestored: Tensor, position: Tensor, margins: Margins) -> Tensor:
        """Reconstructs the image from what `unrestored` returned."""
        x_hat: Tensor = self.restoration(unrestored, position, margins) + 0.5
        return x_hat

    def unrestored(self, y_hat: Tensor, position: Tensor, margins: Margins | None = None) -> tuple[Tensor, Margins]:
        """Reconstructs what goes into the restoration filter.

        Args:
            y_hat: As for `forward`.
            position: As for `forward`.
            margins: As for `forward`.

        Returns:
            float32 ``[B, 3, H, W]``, nominally in ``-0.5 .. 0.5``, and what of it is margin, in pixels.
        """
        if margins is None:
            margins = WHOLE_IMAGE
        normalised = y_hat / self.klt_std[:, None, None]
        around = self.restoration.reach
        # [B, M, h, w] -> [B, width_16, h, w] -> [B, 3, 16h, 16w]
        hidden, inner = run_window([self.stem], normalised, margins, module_margins(self.body, around)[0])
        refined, kept = run_window(self.body, hidden + self.quality(position), inner, around)
        return self._linear(y_hat, margins, kept) + refined.float(), kept

    def _linear(self, y_hat: Tensor, margins: Margins, kept: Margins) -> Tensor:
        """What the linear path makes of a window, with so many pixels of its margins."""
        positions = Margins(*(Margin(-(-margin.extent // PATCH)) for margin in kept))
        with torch.autocast(y_hat.device.type, enabled=False):
            linear = F.pixel_shuffle(pointwise(trimmed(y_hat, margins, positions), self.klt), PATCH)
        return trimmed(linear, positions.scaled(PATCH, 1), kept)

    def preview(self, y_hat: Tensor, factor: int) -> Tensor:
        """Reconstructs the image by the linear path alone, at any lower resolution, since averages are linear as well.

        Args:
            y_hat: float32 ``[B, M, h, w]``, decoded latent after the inverse gain.
            factor: How many pixels become one along each side; divides 16.

        Returns:
            float32 ``[B, 3, 16h / factor, 16w / factor]``, nominally in ``0 .. 1``, not clamped.
        """
        side = PATCH // factor
        averages = self.klt.view(3, side, factor, side, factor, -1).mean((2, 4)).flatten(0, 2)
        with torch.autocast(y_hat.device.type, enabled=False):
            return F.pixel_shuffle(pointwise(y_hat, averages), side) + 0.5
