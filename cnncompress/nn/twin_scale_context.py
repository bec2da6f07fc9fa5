"""The trainable twin of the scale context (`cnncompress.entropy.scale_context`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from cnncompress.entropy.parts import coding_parts
from cnncompress.entropy.scale_context import (
    CENTRE_LEVEL,
    LAYERS,
    MAGNITUDES,
    MAX_SURPRISE,
    SURPRISE_BITS,
    PartNetwork,
)
from cnncompress.entropy.scales import LOG_SCALE_BITS
from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS, SCALE_MIN, ModelConfig
from cnncompress.nn.blocks import zero_initialised
from cnncompress.nn.twin_layers import (
    CONTEXT_STEM,
    HEAD,
    HIDDEN,
    TwinConv2d,
    clipped_activation,
    fixed,
    simulated_quantisation,
)


def surprises() -> Tensor:
    """What symbols tell, in nats: float64 ``[64, 256]`` by scale level and magnitude.

    ``ln(1 + magnitude)``, minus its mean for a rounded Gaussian of the level.
    """
    magnitudes = torch.arange(4096, dtype=torch.float64)
    logarithms = torch.log1p(magnitudes.clamp(max=MAGNITUDES - 1))
    sigma = SCALE_MIN * torch.exp(torch.arange(SCALE_LEVELS, dtype=torch.float64) / LEVELS_PER_NAT)[:, None]
    tails = torch.erfc((magnitudes - 0.5) / (sigma * math.sqrt(2.0))) - torch.erfc(
        (magnitudes + 0.5) / (sigma * math.sqrt(2.0))
    )
    tails[:, 0] /= 2.0  # both signs of all others
    expected = (tails * logarithms).sum(1, keepdim=True) / tails.sum(1, keepdim=True)
    return logarithms[:MAGNITUDES] - expected


def surprise_table() -> Tensor:
    """The same with `SURPRISE_BITS` fractional bits: int8, ends clipped."""
    return fixed(surprises(), SURPRISE_BITS).clamp(-MAX_SURPRISE, MAX_SURPRISE).to(torch.int8)


class ScaleContext(nn.Module):
    """Refines the log-scales of each part but the first by the symbols of the parts before."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.parts = coding_parts(config.bands)
        width = config.scale_context_width
        self.stem, self.middle, self.head = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for part in self.parts[1:]:
            self.stem.append(TwinConv2d(part.in_latent.stop, width, 1, CONTEXT_STEM))
            self.middle.append(TwinConv2d(width, width, 3, HIDDEN))
            self.head.append(zero_initialised(TwinConv2d(width, part.size, 1, HEAD)))
        self.register_buffer("surprises", surprise_table() * 2.0**-SURPRISE_BITS, persistent=False)

    def layers(self, part: int) -> tuple[TwinConv2d, TwinConv2d, TwinConv2d]:
        """The three convolutions of a part but the first."""
        stem, middle, head = (cast(TwinConv2d, getattr(self, name)[part - 1]) for name in LAYERS)
        return stem, middle, head

    def forward(self, part: int, nats: Tensor, surprises: Sequence[Tensor], simulate_integers: bool) -> Tensor:
        """Refines the log-scales of a part.

        Args:
            part: Its number.
            nats: float32 ``[B, n, h/2, w/2]``, ``ln(sigma / SCALE_MIN)`` from the hyper-latent, unbounded.
            surprises: Of the parts before, in order.
            simulate_integers: Round weights and activations as the integer network does.

        Returns:
            float32 of the shape of ``nats``, unbounded.
        """
        if not part:
            return nats
        with torch.autocast(nats.device.type, enabled=False):
            centred = (_levels(nats) - CENTRE_LEVEL) * 2.0**-SURPRISE_BITS
            x = torch.cat([*surprises, centred], dim=1)
            stem, middle, head = self.layers(part)
            x = clipped_activation(stem(x, simulate_integers), simulate_integers)
            x = clipped_activation(middle(x, simulate_integers), simulate_integers)
            x = head(x, simulate_integers)
            return nats + (simulated_quantisation(x, LOG_SCALE_BITS) if simulate_integers else x)

    def surprise(self, symbols: Tensor, nats: Tensor) -> Tensor:
        """How much larger symbols are than their scales from the hyper-latent let expect; no gradient passes.

        Args:
            symbols: float32 ``[B, n, h/2, w/2]`` with integer values.
            nats: float32 of the same shape, as given to `forward`.

        Returns:
            float32 of the same shape.
        """
        magnitude = symbols.detach().abs().clamp(max=MAGNITUDES - 1).long()
        return self.get_buffer("surprises")[_levels(nats).long(), magnitude]

    def to_integers(self) -> dict[int, PartNetwork]:
        """The integer networks, by the number of the part."""
        return {
            part: PartNetwork(*(layer.to_integers() for layer in self.layers(part)))
            for part in range(1, len(self.parts))
        }

    def load_integers(self, networks: Mapping[int, PartNetwork]) -> None:
        """Takes over the values of integer networks, the inverse of `to_integers`."""
        for part, network in networks.items():
            for name, layer in zip(LAYERS, self.layers(part), strict=True):
                layer.load_integers(getattr(network, name))


def _levels(nats: Tensor) -> Tensor:
    return torch.floor(nats.detach() * LEVELS_PER_NAT + 0.5).clamp(0.0, SCALE_LEVELS - 1)
