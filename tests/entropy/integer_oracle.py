"""The integer scale networks, written a second time: NumPy, int64, from their specification and not from their code.

Specification: a layer has weights, a bias and a shift s for each output channel; its result is
``(sums + bias + 2^(s - 1)) >> s``. Four "same" convolutions with zero padding, 3x3, 1x1, 3x3, 1x1. The hyper-latent
enters clipped to -127 .. 127. To the bias of the first is added a row of a table that is interpolated between the
anchor qualities. The second is followed by a depth-to-space shuffle by two, the first three by clipping to 0 .. 255. To
the result of the last is added an offset by channel, interpolated likewise, the same in all four steps. That is a
log-scale of each symbol in coding order, in 1/256 nat; ``(log-scale + 16) >> 5``, clipped to 0 .. 63, is the level.

Scale context: a part's input is, of each part before, ``surprise[level, min(|s|, 255)]`` with the level that symbol s
has without context, and last its own levels without context, minus 24. Three layers, 1x1, 3x3, 1x1, the first two
followed by the same clipping; the result is added to the log-scales without context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Tensors = Mapping[str, NDArray[Any]]


def convolve(x: Integers, weight: NDArray[Any], bias: NDArray[Any], shift: NDArray[Any]) -> Integers:
    """``[C, h, w]`` to ``[D, h, w]``, one tap of the kernel at a time."""
    _, height, width = x.shape
    kernel = weight.shape[-1]
    padded = np.pad(x.astype(np.int64), ((0, 0), (kernel // 2,) * 2, (kernel // 2,) * 2))
    places, wide = shift.astype(np.int64)[:, None, None], weight.astype(np.int64)
    out = np.zeros((len(weight), height, width), np.int64) + bias.astype(np.int64)[:, None, None]
    out += 1 << (places - 1)
    for i in range(kernel):
        for j in range(kernel):
            out += np.tensordot(wide[:, :, i, j], padded[:, i : i + height, j : j + width], axes=1)
    return out >> places


def layer(tensors: Tensors, name: str, x: Integers, more: Integers | int = 0) -> Integers:
    """A layer by its name, ``more`` added to its bias."""
    weight, bias, shift = (tensors[f"{name}.{kind}"] for kind in ("weight", "bias", "shift"))
    return convolve(x, weight, bias.astype(np.int64) + more, shift)


def depth_to_space(x: Integers) -> Integers:
    """Channel ``4 c + 2 i + j`` at ``(y, x)`` goes to channel ``c`` at ``(2 y + i, 2 x + j)``."""
    channels, height, width = x.shape
    out = np.empty((channels // 4, 2 * height, 2 * width), dtype=np.int64)
    for i in range(2):
        for j in range(2):
            out[:, i::2, j::2] = x[2 * i + j :: 4]
    return out


def interpolate(table: NDArray[Any], quality: int) -> Integers:
    """Row of a table at a quality of 0 .. 10000, its rows spread evenly over that range; halves upward."""
    last = len(table) - 1
    low = min(quality * last // 10000, last - 1)
    rest = quality * last - low * 10000
    wide = table.astype(np.int64)
    row: Integers = (wide[low] * (10000 - rest) + wide[low + 1] * rest + 5000) // 10000
    return row


def log_scales(tensors: Tensors, z: Integers, quality: int) -> Integers:
    """Log-scales of the latent without context, ``[4M, 2h, 2w]`` in coding order, of a hyper-latent ``[N, h, w]``."""
    x = np.clip(z, -127, 127)
    x = np.clip(layer(tensors, "synthesis.0", x, interpolate(tensors["input_bias"], quality)), 0, 255)
    x = np.clip(depth_to_space(layer(tensors, "synthesis.1", x)), 0, 255)
    x = np.clip(layer(tensors, "synthesis.2", x), 0, 255)
    offset = np.tile(interpolate(tensors["offset"], quality), 4)
    return layer(tensors, "synthesis.3", x) + offset[:, None, None]


def levels(log_scale: Integers) -> Integers:
    """Levels of log-scales."""
    found: Integers = np.clip((log_scale + 16) >> 5, 0, 63)
    return found


def surprise(tensors: Tensors, symbols: Integers, log_scale: Integers) -> Integers:
    """What the symbols of a part tell the parts after it; of the shape of both."""
    found: Integers = tensors["context.surprise"][levels(log_scale), np.minimum(abs(symbols), 255)].astype(np.int64)
    return found


def context_levels(tensors: Tensors, part: int, log_scale: Integers, surprises: Sequence[Integers]) -> Integers:
    """Levels of a part, of the shape of its log-scales without context."""
    if part == 0:
        return levels(log_scale)
    x = np.concatenate([*surprises, levels(log_scale) - 24])
    x = np.clip(layer(tensors, f"context.{part}.stem", x), 0, 255)
    x = np.clip(layer(tensors, f"context.{part}.middle", x), 0, 255)
    return levels(log_scale + layer(tensors, f"context.{part}.head", x))
