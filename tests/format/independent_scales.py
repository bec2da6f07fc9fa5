"""The integer networks that give the scale levels, written from docs/FORMAT.md alone: pure NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from independent_model import Integers, Model
from numpy.typing import NDArray


def convolve(x: Integers, weight: Integers, bias: Integers) -> Integers:
    """Cross-correlation of [C, h, w] with [D, C, k, k] with zero padding."""
    pad = (weight.shape[2] - 1) // 2
    height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    sums = np.zeros((weight.shape[0], height, width), np.int64) + bias[:, None, None]
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            sums += np.tensordot(weight[:, :, i, j], padded[:, i : i + height, j : j + width], axes=1)
    return sums


def shuffle(x: NDArray[Any], n: int = 2) -> NDArray[Any]:
    """[n²C, h, w] to [C, nh, nw]."""
    channels, height, width = x.shape
    out = np.empty((channels // n**2, n * height, n * width), x.dtype)
    for a in range(n):
        for b in range(n):
            out[:, a::n, b::n] = x[n * a + b :: n * n]
    return out


class Scales:
    """The integer networks at one quality."""

    def __init__(self, model: Model, quality: int) -> None:
        self.tensors = {name: values.astype(np.int64) for name, values in model.tensors.items() if name[:6] == "scales"}
        self.quality = quality
        self.anchors = model.anchors

    def row(self, name: str) -> Integers:
        """A quality-dependent table at the quality."""
        table = self.tensors[f"scales.{name}"]
        low = min(self.quality * (self.anchors - 1) // 10000, self.anchors - 2)
        rest = self.quality * (self.anchors - 1) - 10000 * low
        return np.asarray((table[low] * (10000 - rest) + table[low + 1] * rest + 5000) // 10000)

    def layer(self, index: int, x: Integers) -> Integers:
        """One convolution of the scale network."""
        return convolve(x, self.tensors[f"scales.weight_{index}"], self.tensors[f"scales.bias_{index}"])

    def z_levels(self) -> Integers:
        """Level of each channel of z, [N]."""
        return level(self.row("hyper_offset"))

    def y_log_scales(self, z: Integers) -> Integers:
        """Log-scale in advance of every symbol of y, [M, H'/16, W'/16], from the symbols of z, [N, H'/64, W'/64]."""
        a = _relu(self.layer(0, z << 8) + self.row("input_bias")[:, None, None])
        a = _relu(shuffle(self.layer(1, a)))
        a = _relu(self.layer(2, a))
        return shuffle(self.layer(3, a)) + self.row("offset")[:, None, None]

    def part_levels(self, part: int, t: Integers, surprises: list[Integers]) -> Integers:
        """Levels of a part, [n, H'/32, W'/32].

        Args:
            part: p.
            t: The part's log-scales in advance, [n, H'/32, W'/32].
            surprises: Those of each part before, in order.
        """
        if part == 0:
            return level(t)
        a = _relu(self.context("stem", part, np.concatenate([*surprises, 32 * level(t) - 768])))
        a = _relu(self.context("middle", part, a))
        return level(t + self.context("head", part, a))

    def context(self, name: str, part: int, x: Integers) -> Integers:
        """One convolution of the scale context."""
        weight = self.tensors[f"scales.context.{name}_weight_{part}"]
        return convolve(x, weight, self.tensors[f"scales.context.{name}_bias_{part}"])

    def surprise(self, symbols: Integers, t: Integers) -> Integers:
        """What a part's symbols tell the parts after it, given their log-scales in advance."""
        magnitude = self.tensors["scales.context.magnitude"][np.minimum(np.abs(symbols), 255)]
        return np.asarray(magnitude - self.tensors["scales.context.expected"][level(t)])


def level(t: Integers) -> Integers:
    """The level of a log-scale."""
    return np.clip((t + 2**20) >> 21, 0, 63)


def _relu(t: Integers) -> Integers:
    return np.clip((t + 2**13) >> 14, 0, 16383)
