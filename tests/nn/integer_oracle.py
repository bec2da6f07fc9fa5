"""The integer scale network, written a second time: NumPy, int64, from its specification and not from its code.

Specification: weights have 14 fractional bits, activations 10, accumulators and biases 24. The hyper-latent enters as
``z << 8``. Four "same" convolutions with zero padding, 3x3, 1x1, 3x3, 1x1. To the first is added a bias, and to the
last, after its shuffle, an offset, both interpolated between the anchor qualities. The second and fourth are followed
by a depth-to-space shuffle by two, and the first three (after the shuffle) by rounding to 10 fractional bits, halves
upward, and clipping to ``0 .. 2^14 - 1``. The last result is in nats with 24 fractional bits; nats times 8 and rounded,
halves upward, are the level, clipped to ``0 .. 63``.

Scale context: a part's input is, of each part before, ``magnitude[min(|s|, 255)] - expected[level]``, with the level
that symbol s has without context, and last its own levels without context, times 32, minus 768. Three "same"
convolutions, 1x1, 3x3, 1x1, of the same precisions, the first two followed by the same rounding and clipping; the
result is added to the nats without context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def convolve(x: Integers, weight: Integers, bias: Integers) -> Integers:
    """``[B, C, H, W]`` to ``[B, O, H, W]``, one tap of the kernel at a time."""
    batch, _, height, width = x.shape
    out_channels, in_channels, kernel, _ = weight.shape
    pad = kernel // 2
    padded = np.zeros((batch, in_channels, height + 2 * pad, width + 2 * pad), dtype=np.int64)
    padded[:, :, pad : pad + height, pad : pad + width] = x
    out = np.zeros((batch, out_channels, height, width), dtype=np.int64) + bias[:, None, None]
    for i in range(kernel):
        for j in range(kernel):
            window = padded[:, :, i : i + height, j : j + width].reshape(batch, in_channels, -1)
            out += (weight[:, :, i, j] @ window).reshape(out.shape)
    return out


def depth_to_space(x: Integers) -> Integers:
    """Channel ``4 c + 2 i + j`` at ``(y, x)`` goes to channel ``c`` at ``(2 y + i, 2 x + j)``."""
    batch, channels, height, width = x.shape
    out = np.empty((batch, channels // 4, 2 * height, 2 * width), dtype=np.int64)
    for i in range(2):
        for j in range(2):
            out[:, :, i::2, j::2] = x[:, 2 * i + j :: 4]
    return out


def interpolate(table: Integers, quality: int) -> Integers:
    """Row of a table at a quality of 0 .. 10000, its rows spread evenly over that range; halves upward."""
    last = len(table) - 1
    low = min(quality * last // 10000, last - 1)
    rest = quality * last - low * 10000
    row: Integers = (table[low] * (10000 - rest) + table[low + 1] * rest + 5000) // 10000
    return row


def scale_nats(parameters: Mapping[str, Integers], z: Integers, quality: int) -> Integers:
    """Log-scales of the latent, ``[B, M, 4 H, 4 W]``, 24 fractional bits, of a hyper-latent ``[B, N, H, W]``."""
    weights = [parameters[f"weight_{layer}"] for layer in range(4)]
    biases = [parameters[f"bias_{layer}"] for layer in range(4)]
    x = convolve(z << 8, weights[0], biases[0] + interpolate(parameters["input_bias"], quality))
    x = np.clip((x + (1 << 13)) >> 14, 0, (1 << 14) - 1)
    x = depth_to_space(convolve(x, weights[1], biases[1]))
    x = np.clip((x + (1 << 13)) >> 14, 0, (1 << 14) - 1)
    x = convolve(x, weights[2], biases[2])
    x = np.clip((x + (1 << 13)) >> 14, 0, (1 << 14) - 1)
    x = depth_to_space(convolve(x, weights[3], biases[3]))
    return x + interpolate(parameters["offset"], quality)[:, None, None]


def hyper_levels(parameters: Mapping[str, Integers], quality: int) -> Integers:
    """Levels of the hyper-latent's channels, ``[N]``."""
    return nats_to_levels(interpolate(parameters["hyper_offset"], quality))


def nats_to_levels(nats: Integers) -> Integers:
    """``round(8 * nats / 2^24)``, within the table."""
    levels: Integers = np.clip((nats + (1 << 20)) >> 21, 0, 63)
    return levels


def surprise(parameters: Mapping[str, Integers], symbols: Integers, nats: Integers) -> Integers:
    """What the symbols of a part tell the parts after it; of the shape of both."""
    return parameters["magnitude"][np.minimum(abs(symbols), 255)] - parameters["expected"][nats_to_levels(nats)]


def context_levels(
    parameters: Mapping[str, Integers], part: int, nats: Integers, surprises: Sequence[Integers]
) -> Integers:
    """Levels of a part, of the shape of its nats ``[B, n, H, W]``."""
    if part == 0:
        return nats_to_levels(nats)
    x = np.concatenate([*surprises, 32 * nats_to_levels(nats) - 768], axis=1)
    x = convolve(x, parameters[f"stem_weight_{part}"], parameters[f"stem_bias_{part}"])
    x = np.clip((x + (1 << 13)) >> 14, 0, (1 << 14) - 1)
    x = convolve(x, parameters[f"middle_weight_{part}"], parameters[f"middle_bias_{part}"])
    x = np.clip((x + (1 << 13)) >> 14, 0, (1 << 14) - 1)
    return nats_to_levels(nats + convolve(x, parameters[f"head_weight_{part}"], parameters[f"head_bias_{part}"]))
