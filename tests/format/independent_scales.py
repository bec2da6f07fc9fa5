"""The integer networks that give the scale levels, written from docs/FORMAT.md alone: pure NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from independent_model import Integers, Model
from numpy.typing import NDArray


def convolve(x: Integers, weight: Integers, bias: Integers, shift: Integers) -> Integers:
    """Cross-correlation of [C, h, w] with [D, C, k, k] with zero padding, rounded by the shift."""
    pad = (weight.shape[2] - 1) // 2
    height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    sums = np.zeros((weight.shape[0], height, width), np.int64) + bias[:, None, None]
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            sums += np.tensordot(weight[:, :, i, j], padded[:, i : i + height, j : j + width], axes=1)
    places = shift[:, None, None]
    return (sums + 2 ** (places - 1)) >> places


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

    def layer(self, name: str, x: Integers, more: Integers | int = 0) -> Integers:
        """The layer of a name."""
        weight, bias, shift = (self.tensors[f"scales.{name}.{kind}"] for kind in ("weight", "bias", "shift"))
        return convolve(x, weight, bias + more, shift)

    def z_levels(self) -> Integers:
        """Level of each channel of z, [N]."""
        return level(self.row("hyper_offset"))

    def y_log_scales(self, z: Integers) -> Integers:
        """Log-scale in advance of every symbol of y, [4M, H'/32, W'/32], from the symbols of z, [N, H'/64, W'/64]."""
        a = _relu(self.layer("synthesis.0", np.clip(z, -127, 127), self.row("input_bias")))
        a = _relu(shuffle(self.layer("synthesis.1", a)))
        a = _relu(self.layer("synthesis.2", a))
        return self.layer("synthesis.3", a) + np.tile(self.row("offset"), 4)[:, None, None]

    def part_levels(self, part: int, t: Integers, surprises: list[Integers]) -> Integers:
        """Levels of a part, [n, H'/32, W'/32].

        Args:
            part: p.
            t: The part's log-scales in advance, [n, H'/32, W'/32].
            surprises: Those of each part before, in order.
        """
        if part == 0:
            return level(t)
        a = _relu(self.layer(f"context.{part}.stem", np.concatenate([*surprises, level(t) - 24])))
        a = _relu(self.layer(f"context.{part}.middle", a))
        return level(t + self.layer(f"context.{part}.head", a))

    def surprise(self, symbols: Integers, t: Integers) -> Integers:
        """What a part's symbols tell the parts after it, given their log-scales in advance."""
        return np.asarray(self.tensors["scales.context.surprise"][level(t), np.minimum(np.abs(symbols), 255)])


def level(t: Integers) -> Integers:
    """The level of a log-scale."""
    levels: Integers = np.clip((t + 16) >> 5, 0, 63)
    return levels


def _relu(t: Integers) -> Integers:
    return np.clip(t, 0, 255)
