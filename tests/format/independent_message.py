"""Tables and rANS, written from docs/FORMAT.md alone: pure integers."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, pairwise

import numpy as np
from independent_container import check
from independent_model import Integers, Model


class Message:
    """The rANS message of a latent chunk."""

    def __init__(self, payload: bytes, model: Model) -> None:
        check(len(payload) > 0 and payload[-1] > 0, "corrupt")
        self.words = [int.from_bytes(payload[i : i + 4], "little") for i in range(0, len(payload), 4)]
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
