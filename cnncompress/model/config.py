"""The architecture of a model: sizes of its networks, stored beside the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

PATCH = 16
"""Pixels per latent position, along each axis."""

HYPER_STRIDE = 64
"""Pixels per hyper-latent position, along each axis; the sides of an image are padded to multiples of this."""

SCALE_LEVELS = 64
SCALE_MIN = 0.11
LEVELS_PER_NAT = 8
"""Level ``l`` of the scale table stands for the standard deviation ``SCALE_MIN * exp(l / LEVELS_PER_NAT)``."""

LEAKY_SLOPE = 0.1
"""Of the leaky ReLU after the layers of all float networks."""

MAX_LOG_DELTA = 1.5
"""A quantisation step is at most so many nats larger or smaller than the base step, 1 / gain."""

STRIP_ROWS = 128
"""Rows of pixels that torch runs the restoration filter over at a time, unless gradients are wanted. Feature maps of a
whole image would take more memory than all others, and on a CPU, where they leave the caches, twice the time."""

MAX_WIDTH = 4096
"""Most channels that a model may declare, so that building the networks of any file cannot exhaust memory."""
MAX_BLOCKS = 64
"""Most residual blocks or layers per resolution that a model may declare, so that building them cannot take minutes."""


@dataclass(frozen=True)
class ModelConfig:
    """The sizes that are needed to build the networks of a model before its weights are loaded.

    Attributes:
        latent_channels: Channels M of the latent y at 1/16 of the image's resolution; a multiple of 4.
        fine_channels: Number of the last latent channels that form a band of their own, as after widening a trained
            model; a multiple of 4. Order and groups of the other channels are the same as without them.
        hyper_channels: Channels of the hyper-latent z at 1/64.
        width_1: Channels of the restoration filter, at full resolution.
        width_8: Channels of the transforms at 1/8.
        width_16: Channels of the transforms at 1/16.
        blocks_1: Residual layers of the restoration filter, one convolution each.
        blocks_8: Residual blocks at 1/8, in each transform.
        blocks_16: Residual blocks at 1/16, in each transform.
        hyper_width: Channels inside the hyper-analysis and hyper-synthesis transforms.
        hyper_features: Output channels of the hyper-synthesis, which are input of the context model, at 1/32.
        scale_width: Channels inside the integer scale network.
        scale_context_width: Channels inside each of the fifteen integer networks of the scale context, at 1/32.
        context_width: Channels inside each of the four context networks, at 1/32.
        lambdas: Rate-distortion trade-offs lambda of the anchor qualities, ascending; the first is quality 0, the last
            quality 100. By default eleven, from 0.0006 to 0.92; the steps between their logarithms become smaller
            towards the best quality, where files grow fastest.
    """

    latent_channels: int = 320
    fine_channels: int = 0
    hyper_channels: int = 96
    width_1: int = 16
    width_8: int = 96
    width_16: int = 160
    blocks_1: int = 2
    blocks_8: int = 3
    blocks_16: int = 3
    hyper_width: int = 192
    hyper_features: int = 128
    scale_width: int = 128
    scale_context_width: int = 64
    context_width: int = 256
    lambdas: tuple[float, ...] = tuple(0.0006 * math.exp(0.87 * i - 0.01365 * i * i) for i in range(11))

    def __post_init__(self) -> None:
        """Checks all sizes.

        Raises:
            ValueError: A size is out of its range, a number of latent channels is no multiple of 4, or the lambdas are
                not ascending.
        """
        for name, value in vars(self).items():
            lowest = 0 if name == "fine_channels" else 1
            highest = MAX_BLOCKS if name.startswith("blocks") else MAX_WIDTH
            if name != "lambdas" and not (type(value) is int and lowest <= value <= highest):  # True is an int too
                raise ValueError(f"{name} is {value!r:.50}, must be a whole number within {lowest} .. {highest}")
        for name in ("latent_channels", "fine_channels"):
            if getattr(self, name) % 4:
                raise ValueError(f"{name} is {getattr(self, name)}, must be a multiple of 4")
        if self.fine_channels >= self.latent_channels:
            raise ValueError(f"fine_channels is {self.fine_channels}, must be less than {self.latent_channels}")
        steps = zip((0.0, *self.lambdas), (*self.lambdas, math.inf), strict=True)
        if len(self.lambdas) < 2 or not all(low < high for low, high in steps):
            raise ValueError("lambdas must be at least two positive, strictly ascending numbers")

    @property
    def bands(self) -> tuple[int, ...]:
        """Number of channels of each band of the latent, in order."""
        fine = self.fine_channels
        return (self.latent_channels - fine, fine) if fine else (self.latent_channels,)

    @property
    def anchors(self) -> int:
        """Number of anchor qualities."""
        return len(self.lambdas)
