"""Spatial context: the mean of each latent element from its decoded neighbours, in four parallel steps.

The channels of each band of the latent are cut into four groups j and every 2x2 cell of positions into p = (0,0),
(1,1), (0,1), (1,0). Step k codes group j at position k xor j, so each step covers a quarter of the elements, in every
cell, and all positions see all four steps. This is the quadtree partition of DCVC-DC (Li et al., CVPR 2023, section
3.3).

Cells are folded into channels: a step is a dense tensor ``[B, M, h/2, w/2]`` and each step's network maps the
hyper-synthesis features and the steps decoded so far to means, without masks and without computing what is not used.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnncompress.entropy.parts import STEPS
from cnncompress.model.config import ModelConfig
from cnncompress.nn.blocks import activation, conv1x1, conv3x3, zero_initialised
from cnncompress.nn.quality import QualityTable

_POSITIONS = (0, 3, 1, 2)
"""Row-major index within the 2x2 cell of (0,0), (1,1), (0,1), (1,0)."""


def coding_order(bands: Sequence[int]) -> list[int]:
    """Elements of a cell, ``4 * channel + row-major position``, in the order in which the four steps code them.

    Args:
        bands: Channels of each band of the latent, multiples of 4; each is cut into four groups of its own.
    """
    groups = [group for band in bands for group in [band // STEPS] * STEPS]
    grouped = [number % STEPS for number, size in enumerate(groups) for _ in range(size)]
    return [channel * 4 + _POSITIONS[k ^ j] for k in range(STEPS) for channel, j in enumerate(grouped)]


class StepPartition(nn.Module):
    """Reorders a latent into the four coding steps and back."""

    order: Tensor
    inverse: Tensor

    def __init__(self, bands: Sequence[int]) -> None:
        """Fixes the order.

        Args:
            bands: As for `coding_order`.
        """
        super().__init__()
        order = coding_order(bands)
        # Lists, because arithmetic on a tensor of the meta device, where weights are checked first, loads torch's
        # compiler, which takes longer than all else.
        inverse = sorted(range(len(order)), key=order.__getitem__)
        self.register_buffer("order", torch.tensor(order), persistent=False)
        self.register_buffer("inverse", torch.tensor(inverse), persistent=False)
        self.register_buffer("channel", torch.tensor([index // 4 for index in order]), persistent=False)

    def split(self, y: Tensor) -> tuple[Tensor, ...]:
        """Cuts ``[B, M, h, w]`` into four steps ``[B, M, h/2, w/2]``, in coding order."""
        return F.pixel_unshuffle(y, 2)[:, self.order].chunk(STEPS, dim=1)

    def merge(self, steps: list[Tensor]) -> Tensor:
        """Inverse of `split`."""
        return F.pixel_shuffle(torch.cat(steps, dim=1)[:, self.inverse], 2)

    def split_channels(self, vector: Tensor) -> tuple[Tensor, ...]:
        """Spreads a per-channel ``[B, M, 1, 1]`` over the steps: four times ``[B, M, 1, 1]``."""
        return vector[:, self.get_buffer("channel")].chunk(STEPS, dim=1)


class ContextNetwork(nn.Module):
    """Means of one step."""

    def __init__(self, config: ModelConfig, step: int) -> None:
        super().__init__()
        width = config.context_width
        self.stem = conv1x1(config.hyper_features + step * config.latent_channels, width)
        self.quality = QualityTable(config.anchors, width)
        self.body = nn.Sequential(
            activation(),
            conv3x3(width, width),
            activation(),
            conv1x1(width, width),
            activation(),
        )
        self.head = zero_initialised(conv1x1(width, config.latent_channels))

    def forward(self, features: Tensor, decoded: list[Tensor], position: Tensor) -> Tensor:
        """Predicts the means of this step.

        Args:
            features: ``[B, hyper_features, h/2, w/2]``.
            decoded: Normalised latents of the steps before, each ``[B, M, h/2, w/2]``.
            position: float32 ``[B]``, quality as a place among the anchors.

        Returns:
            float32 ``[B, M, h/2, w/2]``, normalised.
        """
        known = torch.cat([features, *decoded], dim=1)  # [B, hyper_features + step * M, h/2, w/2]
        hidden = self.body(self.stem(known) + self.quality(position))  # [B, context_width, h/2, w/2]
        # The means are added to numbers of several hundred steps: bf16 would round them to whole steps.
        with torch.autocast(hidden.device.type, enabled=False):
            means: Tensor = self.head(hidden.float())
        return means
