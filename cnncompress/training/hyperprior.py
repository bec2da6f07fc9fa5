"""The model as it is trained: float networks, scale network and the rate they imply.

::

    x ── g_a ── * gain ── y ─┬──────────────── Q(y - mean) ── + mean ── y_hat ── * inverse gain ── g_s ── x_hat
                             │                     │  ▲
                             │                     │  └── context(h_s(z_hat), steps decoded before)
                             └── h_a ── Q ── z_hat ┴───── scales(z_hat)

Hyperprior and mean prediction: Minnen, Ballé and Toderici, "Joint Autoregressive and Hierarchical Priors for Learned
Image Compression" (NeurIPS 2018); scales from z alone, so that entropy decoding needs integers only.

`trainable_model` rebuilds it from a shipped model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnncompress.entropy.parts import STEPS
from cnncompress.model.config import ModelConfig
from cnncompress.model.weights import Weights
from cnncompress.nn.gaussian import dead_zone, gaussian_bits, round_with_dead_zone
from cnncompress.nn.network import CodecNetwork
from cnncompress.nn.stored import network_of
from cnncompress.nn.straight_through import round_half_up, round_straight_through
from cnncompress.nn.twin_layers import nats_to_table
from cnncompress.nn.twin_scales import ScaleSynthesis


@dataclass(frozen=True)
class HyperpriorOutput:
    """Result of a forward pass.

    Attributes:
        x_hat: float32 ``[B, 3, H, W]``, reconstruction, not clamped.
        y_bits: float32 ``[B]``, bits of the latent.
        z_bits: float32 ``[B]``, bits of the hyper-latent.
    """

    x_hat: Tensor
    y_bits: Tensor
    z_bits: Tensor


class TrainableModel(nn.Module, ABC):
    """What a training run trains: images and qualities in, reconstructions and bits out."""

    config: ModelConfig

    @abstractmethod
    def forward(self, x: Tensor, position: Tensor, *, simulate_integers: bool = False) -> HyperpriorOutput:
        """Codes a batch; arguments and result as in `HyperpriorModel.forward`."""


class HyperpriorModel(TrainableModel):
    """Trainable model for all qualities."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.network = CodecNetwork(config)
        self.scales = ScaleSynthesis(config)

    def forward(self, x: Tensor, position: Tensor, *, simulate_integers: bool = False) -> HyperpriorOutput:
        """Codes a batch, with noise for rounding where gradients need it.

        In training mode z gets uniform noise (with rounding it collapses to zero); the rate of y sees noise, its
        reconstruction and the context see rounding with a straight-through gradient. In evaluation mode everything is
        rounded.

        Args:
            x: float32 ``[B, 3, H, W]`` in ``0 .. 1``; H and W multiples of 64.
            position: float32 ``[B]``, quality as a place among the anchors.
            simulate_integers: Run the scale network with simulated integer arithmetic.

        Returns:
            The reconstruction and the estimated bits.
        """
        network = self.network
        y = network.analyse(x, position)
        z = network.hyper_analyse(y, position)
        z_hat = self._add_noise(z) if self.training else round_half_up(z)
        z_bits = gaussian_bits(z_hat, self.scales.hyper_log_scales(position, simulate_integers))
        nats = self.scales(z_hat, position, simulate_integers).chunk(STEPS, dim=1)
        y_steps = network.partition.split(y)
        y_bits = torch.zeros_like(position)
        context = self.scales.context
        surprises: list[Tensor] = []

        def code(step: int, mean: Tensor, delta: Tensor) -> Tensor:
            nonlocal y_bits
            parts = []
            for number, part in enumerate(context.parts):
                if part.step != step:
                    continue
                own_nats = nats[step][:, part.in_step]
                log_scale = nats_to_table(context(number, own_nats, surprises, simulate_integers), simulate_integers)
                residual = ((y_steps[step] - mean) / delta)[:, part.in_step]
                symbols, coded = self._round(residual, log_scale)
                y_bits = y_bits + gaussian_bits(coded, log_scale).sum((1, 2, 3))
                surprises.append(context.surprise(symbols, own_nats))
                parts.append(symbols)
            return mean + delta * torch.cat(parts, dim=1)

        y_hat = network.walk_context(z_hat, position, code)
        x_hat = network.synthesise(y_hat, position)
        return HyperpriorOutput(x_hat, y_bits, z_bits.sum((1, 2, 3)))

    def _round(self, residual: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the symbols of a residual, and what replaces them in the estimate of their rate."""
        if self.training:
            return round_straight_through(residual), self._add_noise(residual)
        symbols = round_with_dead_zone(residual, dead_zone(log_scale))
        return symbols, symbols

    @staticmethod
    def _add_noise(x: Tensor) -> Tensor:
        return x + torch.rand_like(x) - 0.5


def trainable_model(weights: Weights) -> HyperpriorModel:
    """Rebuilds the trainable form of a shipped model.

    The float networks come back in the precision in which they are stored, the scale network as the exact values of its
    integers. The probability tables are not needed: they are counted anew at the next export.

    Args:
        weights: A loaded model.

    Returns:
        The model, on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        model = HyperpriorModel(weights.config)
    model.network.load_state_dict(network_of(weights).state_dict())
    model.scales.load_integers(weights.scales)
    return model
