"""Weights file, integer scale network, tables and rANS, written from docs/FORMAT.md alone: pure NumPy and integers."""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from independent_container import check
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_TYPES = {"F16": "<f2", "F32": "<f4", "I32": "<i4", "I64": "<i8"}


@dataclass(frozen=True)
class Model:
    """A weights file: its configuration and its tensors by name."""

    config: dict[str, Any]
    tensors: dict[str, NDArray[Any]]

    @property
    def anchors(self) -> int:
        """A, the number of anchor qualities."""
        return len(self.config["lambdas"])


def read_model(data: bytes) -> Model:
    """Reads a weights file."""
    end = 8 + int.from_bytes(data[:8], "little")
    entries = json.loads(data[8:end])
    metadata = entries.pop("__metadata__")
    check(metadata["format"] == "cnncompress-model-1", "foreign model")
    tensors = {}
    for name, entry in entries.items():
        first, last = entry["data_offsets"]
        values = np.frombuffer(data[end + first : end + last], dtype=_TYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return Model(json.loads(metadata["config"]), tensors)


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
    """The integer scale network at one quality."""

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
        """One convolution."""
        return convolve(x, self.tensors[f"scales.weight_{index}"], self.tensors[f"scales.bias_{index}"])

    def z_levels(self) -> Integers:
        """Level of each channel of z, [N]."""
        return _level(self.row("hyper_offset"))

    def y_levels(self, z: Integers) -> Integers:
        """Levels of y, [M, H'/16, W'/16], from the symbols of z, [N, H'/64, W'/64]."""
        a = _relu(self.layer(0, z << 8) + self.row("input_bias")[:, None, None])
        a = _relu(shuffle(self.layer(1, a)))
        a = _relu(self.layer(2, a))
        return _level(shuffle(self.layer(3, a)) + self.row("offset")[:, None, None])


def _relu(t: Integers) -> Integers:
    return np.clip((t + 2**13) >> 14, 0, 16383)


def _level(t: Integers) -> Integers:
    return np.clip((t + 2**20) >> 21, 0, 63)


class Message:
    """The rANS message of a latent chunk."""

    def __init__(self, payload: bytes, model: Model) -> None:
        check(len(payload) % 4 == 0 and len(payload) > 0, "corrupt")
        self.words = [int.from_bytes(payload[i : i + 4], "little") for i in range(0, len(payload), 4)]
        check(self.words[-1] != 0, "corrupt")
        self.state = self.words.pop()
        if self.words:
            self.state = self.state * 2**32 + self.words.pop()
        self.radii = [int(radius) for radius in model.tensors["tables.radii"]]
        weights = model.tensors["tables.weights"].tolist()
        starts = [0, *accumulate(2 * radius + 2 for radius in self.radii)]
        self.tables = [_sums(weights[begin:end]) for begin, end in pairwise(starts)]
        self.bit = _sums([2**23, 2**23])
        prefix = [1 + 2**24 // 2 ** (p + 1) for p in range(21)]
        prefix[0] += 2**24 - sum(prefix)
        self.prefix = _sums(prefix)

    def entry(self, sums: list[int]) -> int:
        """Decodes one entry of a table that is given as c[0], c[1], .., 2^24."""
        quantile = self.state % 2**24
        i = bisect_right(sums, quantile) - 1
        self.state = (sums[i + 1] - sums[i]) * (self.state // 2**24) + quantile - sums[i]
        if self.state < 2**32 and self.words:
            self.state = self.state * 2**32 + self.words.pop()
        return i

    def part(self, levels: Integers) -> Integers:
        """Decodes a part, given the levels of its symbols in their order."""
        order = sorted(range(len(levels)), key=lambda index: levels[index])  # stable
        symbols = np.zeros(len(levels), np.int64)
        escapes = []
        for index in order:
            radius = self.radii[levels[index]]
            entry = self.entry(self.tables[levels[index]])
            symbols[index] = entry - radius
            if entry == 2 * radius + 1:
                escapes.append((index, radius))
        prefixes = [self.entry(self.prefix) for _ in escapes]
        signs = [self.entry(self.bit) for _ in escapes]
        for (index, radius), p, sign in zip(escapes, prefixes, signs, strict=True):
            magnitude = radius + 2**p + sum(self.entry(self.bit) << shift for shift in range(p))
            check(magnitude <= 2**20, "corrupt")
            symbols[index] = -magnitude if sign else magnitude
        return symbols

    def finish(self) -> None:
        """Checks that the message ends here."""
        check(self.state == 1 and not self.words, "corrupt")


def _sums(weights: list[int]) -> list[int]:
    return [0, *accumulate(weights)]


def places(channels: int) -> list[list[tuple[int, int]]]:
    """Row and column within its cell of the symbol at step k and index i: ``places(M)[k][i]``."""
    positions = ((0, 0), (1, 1), (0, 1), (1, 0))
    return [[positions[k ^ (i // (channels // 4))] for i in range(channels)] for k in range(4)]


def read_symbols(payload: bytes, model: Model, width: int, height: int, quality: int) -> tuple[Integers, Integers]:
    """Decodes a latent chunk.

    Returns:
        Symbols of z, [N, H'/64, W'/64], and of y in their order, [4, M, H'/32, W'/32].
    """
    rows, columns = -(-height // 64), -(-width // 64)
    hyper_channels, channels = model.config["hyper_channels"], model.config["latent_channels"]
    scales = Scales(model, quality)
    message = Message(payload, model)
    z = message.part(np.repeat(scales.z_levels(), rows * columns)).reshape(hyper_channels, rows, columns)
    check(int(np.abs(z).max()) <= 1023, "corrupt")
    levels = scales.y_levels(z)
    in_order = np.empty((4, channels, 2 * rows, 2 * columns), np.int64)
    for k, step in enumerate(places(channels)):
        for i, (row, column) in enumerate(step):
            in_order[k, i] = levels[i, row::2, column::2]
    y = message.part(in_order.ravel()).reshape(in_order.shape)
    message.finish()
    return z, y
