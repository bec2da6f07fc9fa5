"""Scale context: how much the symbols decoded so far widen or narrow the distributions of those to come.

The hyper-latent gives every symbol a scale in advance. Whether the symbols around it then came out larger or smaller
than their own scales let expect says more, and says it for nothing: both sides know them. The symbols are integers, so
the networks that read them are integers too (`IntegerScaleContext`) and the entropy decoder still needs no float.

Each of the four steps of the spatial context is coded in four parts, from the channels with the largest variance to
those with the smallest: the few large ones tell the most about all others at the same place. For every part but the
first, on the grid of 2x2 cells,

    nats = nats from the hyper-latent + network(surprises of the parts before, nats from the hyper-latent)

where the surprise of a symbol s of scale sigma is ``ln(1 + |s|)`` minus what that is on average for sigma.
Adapting scales to decoded neighbours is old (backward adaptation: Malvar, "Fast Progressive Wavelet Coding", DCC 1999);
that it may be done in integers, apart from the context of the means, is what keeps files portable.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS, SCALE_MIN, ModelConfig
from cnncompress.nn.blocks import conv1x1, conv3x3, zero_initialised
from cnncompress.nn.integers import (
    ACCUMULATOR_BITS,
    ACTIVATION_BITS,
    MAX_ACTIVATION,
    WEIGHT_BITS,
    accumulator_bound,
    clipped_activation,
    fixed,
    integer_activation,
    integer_conv2d,
    nats_to_level,
    simulated_quantisation,
)
from cnncompress.nn.mean_context import STEPS

MAGNITUDES = 256
"""Symbols of this magnitude and more surprise alike."""
CUTS = (1 / 40, 3 / 40, 1 / 4)
"""Where the channels of a step, by falling variance, are cut into parts, as shares of those of the first band."""
MAX_SURPRISE = 8 << ACTIVATION_BITS
_LAYERS = ("stem", "middle", "head")


@dataclass(frozen=True)
class Part:
    """Elements that are coded together.

    Attributes:
        step: Step of the spatial context that they belong to.
        in_step: Their channels within the step.
        in_latent: Their channels within all steps, one after the other.
    """

    step: int
    in_step: slice
    in_latent: slice

    @property
    def size(self) -> int:
        """Number of channels."""
        size: int = self.in_step.stop - self.in_step.start
        return size


def coding_parts(bands: Sequence[int]) -> tuple[Part, ...]:
    """The parts in which a latent is coded, in order.

    Args:
        bands: Channels of each band of the latent; together they are also those of each step. All but the first are
            small, and belong to the last part of each step.
    """
    channels = sum(bands)
    edges = [0, *(max(i, round(cut * bands[0])) for i, cut in enumerate(CUTS, 1)), channels]
    return tuple(
        Part(step, slice(start, stop), slice(step * channels + start, step * channels + stop))
        for step in range(STEPS)
        for start, stop in itertools.pairwise(edges)
    )


def surprise_tables() -> tuple[Tensor, Tensor]:
    """Fixed-point tables of which a surprise is the difference.

    Returns:
        int32 ``[256]``, ``ln(1 + magnitude)``, and int32 ``[64]``, its mean for a rounded Gaussian of each scale level;
        both with ten fractional bits.
    """
    magnitudes = torch.arange(4096, dtype=torch.float64)
    logarithms = torch.log1p(magnitudes.clamp(max=MAGNITUDES - 1))
    sigma = SCALE_MIN * torch.exp(torch.arange(SCALE_LEVELS, dtype=torch.float64) / LEVELS_PER_NAT)[:, None]
    tails = torch.erfc((magnitudes - 0.5) / (sigma * math.sqrt(2.0))) - torch.erfc(
        (magnitudes + 0.5) / (sigma * math.sqrt(2.0))
    )
    tails[:, 0] /= 2.0  # both signs of all others
    expected = (tails * logarithms).sum(1) / tails.sum(1)
    return fixed(logarithms[:MAGNITUDES], ACTIVATION_BITS).int(), fixed(expected, ACTIVATION_BITS).int()


class ScaleContext(nn.Module):
    """The trainable twin of the integer networks."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.parts = coding_parts(config.bands)
        width = config.scale_context_width
        self.stem, self.middle, self.head = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for part in self.parts[1:]:
            self.stem.append(conv1x1(part.in_latent.stop, width))
            self.middle.append(conv3x3(width, width))
            self.head.append(zero_initialised(conv1x1(width, part.size)))
        for name, values in zip(("magnitude", "expected"), surprise_tables(), strict=True):
            self.register_buffer(name, values.float() * 2.0**-ACTIVATION_BITS, persistent=False)

    def layers(self, part: int) -> list[nn.Conv2d]:
        """The three convolutions of a part but the first."""
        return [cast(nn.Conv2d, getattr(self, name)[part - 1]) for name in _LAYERS]

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
            x = torch.cat([*surprises, self._centred(nats)], dim=1)
            for index, layer in enumerate(self.layers(part)):
                weight = simulated_quantisation(layer.weight, WEIGHT_BITS) if simulate_integers else layer.weight
                x = F.conv2d(x, weight, layer.bias, padding=weight.shape[-1] // 2)
                if index < 2:
                    x = clipped_activation(x, simulate_integers)
            return nats + x

    def surprise(self, symbols: Tensor, nats: Tensor) -> Tensor:
        """How much larger symbols are than their scales from the hyper-latent let expect; no gradient passes.

        Args:
            symbols: float32 ``[B, n, h/2, w/2]`` with integer values.
            nats: float32 of the same shape, as given to `forward`.

        Returns:
            float32 of the same shape.
        """
        magnitude, expected = self.get_buffer("magnitude"), self.get_buffer("expected")
        index = symbols.detach().abs().clamp(max=MAGNITUDES - 1).long()
        return magnitude[index] - expected[_levels(nats.detach()).long()]

    @staticmethod
    def _centred(nats: Tensor) -> Tensor:
        """A quarter of the rounded nats around 3, about ``-0.75 .. 1.25``."""
        return _levels(nats.detach()) / (4 * LEVELS_PER_NAT) - 0.75

    def to_integers(self) -> dict[str, Tensor]:
        """Rounds all parameters to the integers that `IntegerScaleContext` loads, all int64."""
        state: dict[str, Tensor] = {}
        for part in range(1, len(self.parts)):
            for name, layer in zip(_LAYERS, self.layers(part), strict=True):
                state[f"{name}_weight_{part}"] = fixed(layer.weight, WEIGHT_BITS)
                state[f"{name}_bias_{part}"] = fixed(cast(Tensor, layer.bias), ACCUMULATOR_BITS)
        tables = zip(("magnitude", "expected"), surprise_tables(), strict=True)
        return {**state, **{name: values.long() for name, values in tables}}

    @torch.no_grad()
    def load_integers(self, state: Mapping[str, Tensor]) -> None:
        """Takes over the values of an integer network, the inverse of `to_integers`."""
        for part in range(1, len(self.parts)):
            for name, layer in zip(_LAYERS, self.layers(part), strict=True):
                layer.weight.copy_(state[f"{name}_weight_{part}"].double() * 2.0**-WEIGHT_BITS)
                cast(Tensor, layer.bias).copy_(state[f"{name}_bias_{part}"].double() * 2.0**-ACCUMULATOR_BITS)


def _levels(nats: Tensor) -> Tensor:
    return torch.floor(nats * LEVELS_PER_NAT + 0.5).clamp(0.0, SCALE_LEVELS - 1)


class IntegerScaleContext(nn.Module):
    """The networks that refine the scales, in exact integers carried in float64, on the CPU."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.parts = coding_parts(config.bands)
        width = config.scale_context_width
        for number, part in enumerate(self.parts[1:], 1):
            shapes = ((width, part.in_latent.stop, 1, 1), (width, width, 3, 3), (part.size, width, 1, 1))
            for name, shape in zip(_LAYERS, shapes, strict=True):
                self.register_buffer(f"{name}_weight_{number}", torch.zeros(shape, dtype=torch.int32))
                self.register_buffer(f"{name}_bias_{number}", torch.zeros(shape[0], dtype=torch.int64))
        self.register_buffer("magnitude", torch.zeros(MAGNITUDES, dtype=torch.int32))
        self.register_buffer("expected", torch.zeros(SCALE_LEVELS, dtype=torch.int32))

    def accumulator_bounds(self) -> dict[str, int]:
        """Largest possible partial sum of each layer, by its weights' name; exactness needs all below 2^52."""
        return {
            f"{name}_weight_{part}": accumulator_bound(
                self.get_buffer(f"{name}_weight_{part}"),
                self.get_buffer(f"{name}_bias_{part}"),
                MAX_SURPRISE if name == "stem" else MAX_ACTIVATION,
            )
            for part in range(1, len(self.parts))
            for name in _LAYERS
        }

    def surprise_bound(self) -> int:
        """Largest magnitude of a surprise; must be below `MAX_SURPRISE`."""
        magnitude, expected = (self.get_buffer(name).long() for name in ("magnitude", "expected"))
        return max(int(magnitude.max() - expected.min()), int(expected.max() - magnitude.min()))

    def forward(self, part: int, nats: Tensor, surprises: Sequence[Tensor]) -> Tensor:
        """Computes the scale levels of a part.

        Args:
            part: Its number.
            nats: float64 ``[B, n, h/2, w/2]``, from `IntegerScaleSynthesis`, with 24 fractional bits.
            surprises: float64, of the parts before, in order.

        Returns:
            uint8 of the shape of ``nats``, 0 .. 63.
        """
        if not part:
            return nats_to_level(nats)
        x = torch.cat([*surprises, nats_to_level(nats).double() * 32.0 - 768.0], dim=1)
        for index, name in enumerate(_LAYERS):
            weight = self.get_buffer(f"{name}_weight_{part}").double()
            x = integer_conv2d(x, weight, self.get_buffer(f"{name}_bias_{part}").double())
            if index < 2:
                x = integer_activation(x)
        return nats_to_level(nats + x)

    def surprise(self, symbols: Tensor, nats: Tensor) -> Tensor:
        """The surprise of decoded symbols, with ten fractional bits.

        Args:
            symbols: int32 ``[B, n, h/2, w/2]``.
            nats: float64 of the same shape, as given to `forward`.

        Returns:
            float64 of the same shape, integer values.
        """
        index = symbols.abs().clamp(max=MAGNITUDES - 1).long()
        expected = self.get_buffer("expected")[nats_to_level(nats).long()]
        return (self.get_buffer("magnitude")[index] - expected).double()
