"""The trainable twin of the integer scale networks (`cnncompress.entropy.scales`): the same in real numbers.

It computes ``ln(sigma / SCALE_MIN)`` in nats. The last phases of training simulate the integers of the network that it
will become, so that nothing is lost when it is rounded.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from cnncompress.entropy.parts import STEPS
from cnncompress.entropy.scales import LOG_SCALE_BITS, MAX_HYPER_INPUT, IntegerScales
from cnncompress.model.config import ModelConfig
from cnncompress.nn.blocks import zero_initialised
from cnncompress.nn.quality import QualityTable
from cnncompress.nn.twin_layers import (
    HEAD,
    HIDDEN,
    HYPER_INPUT_BITS,
    HYPER_STEM,
    TwinConv2d,
    clipped_activation,
    fixed,
    fixed_row,
    nats_to_table,
    simulated_quantisation,
)
from cnncompress.nn.twin_scale_context import ScaleContext, surprise_table


class ScaleSynthesis(nn.Module):
    """Log-scales of the latent from the hyper-latent, and the scale context that refines them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.scale_width
        self.convolutions = nn.ModuleList(
            [
                TwinConv2d(config.hyper_channels, width, 3, HYPER_STEM),
                TwinConv2d(width, 4 * width, 1, HIDDEN),
                TwinConv2d(width, width, 3, HIDDEN),
                zero_initialised(TwinConv2d(width, STEPS * config.latent_channels, 1, HEAD)),
            ]
        )
        self.input_bias = QualityTable(config.anchors, width)
        self.offset = QualityTable(config.anchors, config.latent_channels)
        self.hyper_offset = QualityTable(config.anchors, config.hyper_channels)
        self.context = ScaleContext(config)

    def layers(self) -> list[TwinConv2d]:
        """The four convolutions."""
        return [cast(TwinConv2d, layer) for layer in self.convolutions]

    def forward(self, z_hat: Tensor, position: Tensor, simulate_integers: bool) -> Tensor:
        """Computes the log-scales of the latent as far as the hyper-latent tells them.

        Args:
            z_hat: float32 ``[B, N, h/4, w/4]``.
            position: float32 ``[B]``, quality as a place among the anchors.
            simulate_integers: Round weights, activations and the result as the integer network does.

        Returns:
            float32 ``[B, 4M, h/2, w/2]`` in coding order: ``ln(sigma / SCALE_MIN)``, unbounded; what `context` refines.
        """
        first, second, third, last = self.layers()
        with torch.autocast(z_hat.device.type, enabled=False):
            x = z_hat.clamp(-MAX_HYPER_INPUT, MAX_HYPER_INPUT) * 2.0**-HYPER_INPUT_BITS
            x = first(x, simulate_integers, self.input_bias.table, position)
            x = second(clipped_activation(x, simulate_integers), simulate_integers)
            x = third(clipped_activation(F.pixel_shuffle(x, 2), simulate_integers), simulate_integers)
            x = last(clipped_activation(x, simulate_integers), simulate_integers)
            offset = _row(self.offset, position, simulate_integers)
            if simulate_integers:
                x = simulated_quantisation(x, LOG_SCALE_BITS)
            nats: Tensor = x + offset.repeat(1, STEPS, 1, 1)
        return nats

    def hyper_log_scales(self, position: Tensor, simulate_integers: bool) -> Tensor:
        """Log-scales of the hyper-latent, ``[B, N, 1, 1]``: one per channel and quality."""
        return nats_to_table(_row(self.hyper_offset, position, simulate_integers), simulate_integers)

    def to_integers(self) -> IntegerScales:
        """Rounds all parameters to integers.

        Raises:
            InvalidModel: The integer network would not be exact.
        """
        layers = {f"synthesis.{index}": layer.to_integers() for index, layer in enumerate(self.layers())}
        first, table = self.layers()[0], self.input_bias.table
        layers["synthesis.0"] = first.to_integers(table)
        for part, network in self.context.to_integers().items():
            layers |= {f"context.{part}.{name}": layer for name, layer in vars(network).items()}
        tensors: dict[str, NDArray[Any]] = {}
        for name, layer in layers.items():
            tensors |= {f"{name}.{kind}": getattr(layer, kind) for kind in ("weight", "bias", "shift")}
        tensors["input_bias"] = fixed(table, first.sum_bits(layers["synthesis.0"].shift)).int().numpy()
        for name in ("offset", "hyper_offset"):
            tensors[name] = fixed(getattr(self, name).table, LOG_SCALE_BITS).int().numpy()
        return IntegerScales(self.config, tensors | {"context.surprise": surprise_table().numpy()})

    @torch.no_grad()
    def load_integers(self, scales: IntegerScales) -> None:
        """Takes over the values of an integer network of the same configuration, the inverse of `to_integers`."""
        for layer, integers in zip(self.layers(), scales.synthesis, strict=True):
            layer.load_integers(integers)
        bits = self.layers()[0].sum_bits(scales.synthesis[0].shift)
        self.input_bias.table.copy_(torch.from_numpy(scales.tensors["input_bias"]).double() * 2.0**-bits)
        for name in ("offset", "hyper_offset"):
            getattr(self, name).table.copy_(torch.from_numpy(scales.tensors[name]).double() * 2.0**-LOG_SCALE_BITS)
        self.context.load_integers(scales.context.networks)


def _row(log_scales: QualityTable, position: Tensor, simulate_integers: bool) -> Tensor:
    if simulate_integers:
        return fixed_row(log_scales.table, position, LOG_SCALE_BITS)
    row: Tensor = log_scales(position)
    return row
