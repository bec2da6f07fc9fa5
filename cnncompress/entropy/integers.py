"""Exact integer arithmetic in single precision: what selects a probability table gives one result on every machine.

A float32 holds every integer up to 2^24. Weights have 8 bits and activations 8, so that a layer's sums stay below that
bound and a plain matrix product has one result, whatever the library, the order of summation or the number of threads.
`IntegerConvolution.bounds` proves it for given weights; a model that breaks it is refused. Fast algorithms that
transform their input first (Winograd, FFT) and reduced precisions (TF32, bfloat16) are not exact and have no place
here.

Integer networks as the remedy against learned codecs that do not decode elsewhere are from Ballé, Johnston and Minnen,
"Integer Networks for Data Compression with Latent-Variable Models" (ICLR 2019).
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
"""Float32 holds all integers up to this magnitude."""
MAX_WEIGHT = 127
MAX_ACTIVATION = 255
MAX_SHIFT = 16


@dataclass(frozen=True)
class IntegerConvolution:
    """A convolution with zero padding ("same" size) whose sums are divided by a power of two for each output channel.

    ``(sum of weight * x + bias + 2^(shift - 1)) >> shift``: rounded to nearest, halves upward.

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
        """The layer of a name: the tensors ``name.weight``, ``name.bias`` and ``name.shift``."""
        return cls(*(tensors[f"{name}.{kind}"] for kind in ("weight", "bias", "shift")))

    def bounds(self, largest_input: int, more: NDArray[np.int64] | int = 0) -> NDArray[np.int64]:
        """Bounds every partial sum, for each output channel.

        Args:
            largest_input: Largest magnitude of an input value.
            more: int64 ``[D]``, the same of what is added to the bias.

        Returns:
            int64 ``[D]``: ``sum |weight| * largest_input + |bias| + more + 2^(shift - 1)``.
        """
        sums = np.abs(self.weight.astype(np.int64)).sum((1, 2, 3))
        halves = np.int64(1) << (self.shift.astype(np.int64) - 1)
        return np.asarray(sums * largest_input + np.abs(self.bias.astype(np.int64)) + more + halves)

    def result_bound(self, largest_input: int) -> int:
        """Bounds the result of a call."""
        return int((self.bounds(largest_input) >> self.shift.astype(np.int64)).max()) + 1

    def part(self, outputs: slice = slice(None), inputs: slice = slice(None)) -> IntegerConvolution:
        """The same from some of the input channels to some of the output channels."""
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
        """The first half of a call: sums without bias, divided and not yet rounded, which is still exact."""
        return _pointwise(self._matrix, x) if self.weight.shape[-1] == 1 else _three_by_three(self._matrix, x)

    def rounded(self, sums: Floats, more: NDArray[np.int64] | None = None) -> Floats:
        """The second half of a call, in place."""
        sums += (self._rounding if more is None else self._rounding + self._scaled(more))[:, None, None]
        return np.floor(sums, out=sums)

    def _scaled(self, x: NDArray[Any]) -> Floats:
        """Integers ``[D, ...]`` divided by ``2^shift``, which is exact."""
        scale = np.exp2(-self.shift.astype(np.float32)).reshape(-1, *[1] * (x.ndim - 1))
        return np.asarray(x.astype(np.float32) * scale)

    @cached_property
    def _rounding(self) -> Floats:
        """The bias, and the half that makes rounding down rounding to nearest, ``[D]``."""
        return self._scaled(self.bias) + np.float32(0.5)

    @cached_property
    def _matrix(self) -> Floats:
        """Weights as ``[D, C]``, or for a 3x3 kernel as ``[3 D, 3 C]`` by its columns and rows."""
        outputs, inputs, size, _ = self.weight.shape
        by_column = self._scaled(self.weight).transpose(3, 0, 2, 1)
        return np.ascontiguousarray(by_column).reshape(size * outputs, size * inputs)


def stacked(layers: Sequence[IntegerConvolution]) -> IntegerConvolution:
    """Layers of the same input as one, whose output channels are theirs, one after the other."""
    return IntegerConvolution(
        np.concatenate([layer.weight for layer in layers]),
        np.concatenate([layer.bias for layer in layers]),
        np.concatenate([layer.shift for layer in layers]),
    )


def _pointwise(matrix: Floats, x: Floats) -> Floats:
    channels, height, width = x.shape
    return (matrix @ x.reshape(channels, height * width)).reshape(-1, height, width)


def _three_by_three(matrix: Floats, x: Floats) -> Floats:
    """One matrix product for the three rows of the kernel and each of its columns, which are then added up.

    A column of zeros after each row of the image is the padding of that row's end and of the next one's beginning.
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
    """The activation of the integer networks: ``0 .. MAX_ACTIVATION``, in place."""
    return np.clip(x, 0.0, float(MAX_ACTIVATION), out=x)


def depth_to_space(x: Floats) -> Floats:
    """Channel ``4 c + 2 i + j`` at ``(y, x)`` goes to channel ``c`` at ``(2 y + i, 2 x + j)``."""
    channels, height, width = x.shape
    cells = x.reshape(channels // 4, 2, 2, height, width).transpose(0, 3, 1, 4, 2)
    return np.ascontiguousarray(cells).reshape(channels // 4, 2 * height, 2 * width)


def interpolate(table: NDArray[np.int32], quality: int) -> NDArray[np.int64]:
    """Interpolates a table of integers between its anchors, exactly.

    Args:
        table: int32 ``[A, C]``.
        quality: Hundredths, 0 .. 10000; the anchors are spread evenly over that range.

    Returns:
        int64 ``[C]``: ``floor((low * (10000 - r) + high * r + 5000) / 10000)``.
    """
    scaled = quality * (len(table) - 1)
    low = min(scaled // HIGHEST_QUALITY, len(table) - 2)
    rest = scaled - low * HIGHEST_QUALITY
    first, second = table[low].astype(np.int64), table[low + 1].astype(np.int64)
    return np.asarray((first * (HIGHEST_QUALITY - rest) + second * rest + HIGHEST_QUALITY // 2) // HIGHEST_QUALITY)
