"""Exact integer arithmetic in single precision, so that every machine selects the same probability tables.

A float32 represents every integer up to 2^24. Weights and activations have 8 bits, so the sums of a layer stay below
that bound. A plain matrix product then has one result, whatever the library, the order of summation or the number of
threads. `IntegerConvolution.bounds` verifies the bound for given weights; models that exceed it are refused. Fast
algorithms that transform their input first (Winograd, FFT) and reduced precisions (TF32, bfloat16) are not exact and
must not be used here.

Integer networks that make learned codecs portable are from Ballé, Johnston and Minnen, "Integer Networks for Data
Compression with Latent-Variable Models" (ICLR 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.units import HIGHEST_QUALITY

Floats = NDArray[np.float32]
"""Integers carried in single precision."""

EXACT_LIMIT = 1 << 24
"""Float32 represents all integers up to this magnitude."""
MAX_WEIGHT = 127
MAX_ACTIVATION = 255
MAX_SHIFT = 16


@dataclass(frozen=True)
class IntegerConvolution:
    """A convolution with zero padding ("same" size). Each output channel is divided by a power of two of its own.

    The result is ``(sum of weight * x + bias + 2^(shift - 1)) >> shift``: rounded to the nearest, halves upward.

    Attributes:
        weight: Int8 ``[D, C, k, k]``, magnitudes up to 127; k is 1 or 3.
        bias: int32 ``[D]``.
        shift: uint8 ``[D]``, 1 .. 16.
    """

    weight: NDArray[np.int8]
    bias: NDArray[np.int32]
    shift: NDArray[np.uint8]

    @classmethod
    def of(cls, tensors: Mapping[str, NDArray[Any]], name: str) -> IntegerConvolution:
        """Returns the layer with the tensors ``name.weight``, ``name.bias`` and ``name.shift``."""
        return cls(*(tensors[f"{name}.{kind}"] for kind in ("weight", "bias", "shift")))

    def bounds(self, largest_input: int, more: NDArray[np.int64] | int = 0) -> NDArray[np.int64]:
        """Returns an upper bound of the magnitude of every partial sum, for each output channel.

        Args:
            largest_input: Largest magnitude of an input value.
            more: int64 ``[D]``, largest magnitude of an addition to the bias.

        Returns:
            int64 ``[D]``: ``sum |weight| * largest_input + |bias| + more + 2^(shift - 1)``.
        """
        sums = np.abs(self.weight.astype(np.int64)).sum((1, 2, 3))
        halves = np.int64(1) << (self.shift.astype(np.int64) - 1)
        return np.asarray(sums * largest_input + np.abs(self.bias.astype(np.int64)) + more + halves)

    def result_bound(self, largest_input: int) -> int:
        """Returns an upper bound of the magnitude of the result."""
        return int((self.bounds(largest_input) >> self.shift.astype(np.int64)).max()) + 1

    def part(self, outputs: slice = slice(None), inputs: slice = slice(None)) -> IntegerConvolution:
        """Returns the convolution from some of the input channels to some of the output channels."""
        return IntegerConvolution(self.weight[outputs, inputs], self.bias[outputs], self.shift[outputs])

    def __call__(self, x: Floats, more: NDArray[np.int64] | None = None) -> Floats:
        """Convolves.

        Args:
            x: float32 ``[C, h, w]``, integer values.
            more: int64 ``[D]``, added to the bias.

        Returns:
            float32 ``[D, h, w]``, integer values.
        """
        return self.rounded(self.sums(x), more)

    def sums(self, x: Floats) -> Floats:
        """First half of a call: the sums without bias, divided but not rounded. This is still exact."""
        return _pointwise(self._matrix, x) if self.weight.shape[-1] == 1 else _three_by_three(self._matrix, x)

    def rounded(self, sums: Floats, more: NDArray[np.int64] | None = None) -> Floats:
        """Second half of a call, in place: adds the bias and rounds."""
        sums += (self._rounding if more is None else self._rounding + self._scaled(more))[:, None, None]
        return np.floor(sums, out=sums)

    def _scaled(self, x: NDArray[Any]) -> Floats:
        """Divides integers ``[D, ...]`` by ``2^shift``, exactly."""
        scale = np.exp2(-self.shift.astype(np.float32)).reshape(-1, *[1] * (x.ndim - 1))
        return np.asarray(x.astype(np.float32) * scale)

    @cached_property
    def _rounding(self) -> Floats:
        """The bias plus the half that turns rounding down into rounding to the nearest, ``[D]``."""
        return self._scaled(self.bias) + np.float32(0.5)

    @cached_property
    def _matrix(self) -> Floats:
        """Weights as ``[D, C]``; for a 3x3 kernel as ``[3 D, 3 C]``, its columns by its rows."""
        outputs, inputs, size, _ = self.weight.shape
        by_column = self._scaled(self.weight).transpose(3, 0, 2, 1)
        return np.ascontiguousarray(by_column).reshape(size * outputs, size * inputs)


def stacked(layers: Sequence[IntegerConvolution]) -> IntegerConvolution:
    """Combines layers of the same input into one layer with all their output channels, in order."""
    return IntegerConvolution(
        np.concatenate([layer.weight for layer in layers]),
        np.concatenate([layer.bias for layer in layers]),
        np.concatenate([layer.shift for layer in layers]),
    )


def _pointwise(matrix: Floats, x: Floats) -> Floats:
    channels, height, width = x.shape
    return (matrix @ x.reshape(channels, height * width)).reshape(-1, height, width)


def _three_by_three(matrix: Floats, x: Floats) -> Floats:
    """One matrix product for all rows and columns of the kernel; the products of the columns are then added up.

    A column of zeros after each row of the image pads both the end of that row and the beginning of the next.
    """
    channels, height, width = x.shape
    rows = np.zeros((3, channels, height, width + 1), np.float32)
    rows[0, :, 1:, :width] = x[:, :-1]
    rows[1, :, :, :width] = x
    rows[2, :, :-1, :width] = x[:, 1:]
    left, total, right = (matrix @ rows.reshape(3 * channels, -1)).reshape(3, -1, height * (width + 1))
    total[:, 1:] += left[:, :-1]
    total[:, :-1] += right[:, 1:]
    return total.reshape(-1, height, width + 1)[:, :, :width]


def clipped(x: Floats) -> Floats:
    """Applies the activation of the integer networks, in place: clips to ``0 .. MAX_ACTIVATION``."""
    return np.clip(x, 0.0, float(MAX_ACTIVATION), out=x)


def depth_to_space(x: Floats) -> Floats:
    """Pixel shuffle: channel ``4 c + 2 i + j`` at ``(y, x)`` goes to channel ``c`` at ``(2 y + i, 2 x + j)``."""
    channels, height, width = x.shape
    cells = x.reshape(channels // 4, 2, 2, height, width).transpose(0, 3, 1, 4, 2)
    return np.ascontiguousarray(cells).reshape(channels // 4, 2 * height, 2 * width)


def interpolate(table: NDArray[np.int32], quality: int) -> NDArray[np.int64]:
    """Interpolates a table of integers between its anchors, exactly.

    Args:
        table: int32 ``[A, C]``.
        quality: Hundredths, 0 .. 10000; the anchors are at equal distances over that range.

    Returns:
        int64 ``[C]``: ``floor((low * (10000 - r) + high * r + 5000) / 10000)``.
    """
    scaled = quality * (len(table) - 1)
    low = min(scaled // HIGHEST_QUALITY, len(table) - 2)
    rest = scaled - low * HIGHEST_QUALITY
    first, second = table[low].astype(np.int64), table[low + 1].astype(np.int64)
    return np.asarray((first * (HIGHEST_QUALITY - rest) + second * rest + HIGHEST_QUALITY // 2) // HIGHEST_QUALITY)
