"""The restoration filter (`cnncompress.nn.restoration`), in strips that are computed side by side.

It has few channels at full resolution, so that the time goes into passes over feature maps. Therefore the identity of
each residual layer is folded into its kernel, and the vector by quality into the first bias: there is a net for each
quality, which is small. A layer has too few channels to be shared by threads, so each of them runs strips of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.ncnn.graph import Graph
from cnncompress.engines.ncnn.kernels import Kernel
from cnncompress.engines.ncnn.mats import FeatureMap, Floats, Memory
from cnncompress.engines.ncnn.nets import Net
from cnncompress.engines.ncnn.transforms import CENTRE, FOLD, PEAK
from cnncompress.engines.ncnn.windows import Region
from cnncompress.engines.ncnn.workers import Workers
from cnncompress.engines.quality import interpolated
from cnncompress.model.config import ModelConfig
from cnncompress.model.network_arrays import restoration_names
from cnncompress.model.receptive_field import WHOLE_IMAGE, Margins, restoration_reach
from cnncompress.units import Hundredths

STRIP_PIXELS = 1 << 16
"""Pixels of a strip, about: smaller ones overlap more, and larger ones leave the caches."""
QUALITIES_AT_HAND = 8
"""Nets that are kept."""


class Restoration:
    """Folded pixels to samples. Threads may share it."""

    def __init__(
        self, config: ModelConfig, arrays: Mapping[str, NDArray[Any]], memory: Memory, workers: Workers
    ) -> None:
        """Loads no net yet.

        Args:
            config: Shape of the model.
            arrays: Of the float networks, by name.
            memory: For feature maps.
            workers: Run the strips.
        """
        names = restoration_names(config)
        self._memory = memory
        self._workers = workers
        self._reach = restoration_reach(config)
        self._quality = arrays[f"{names.quality}.table"]
        # What comes in and goes out has the unit of samples, and a half makes rounding down rounding to nearest.
        self._stem = Kernel.of(arrays, names.stem).scaled_inputs(1 / PEAK)
        self._layers = [Kernel.of(arrays, name).plus_identity() for name in names.layers]
        self._head = Kernel.of(arrays, names.head).scaled(PEAK).plus(CENTRE + 0.5)
        self._net_for = lru_cache(QUALITIES_AT_HAND)(self._load)

    def _load(self, quality: Hundredths) -> Net:
        graph = Graph()
        pixels = graph.input("pixels", 3)
        stem = self._stem.plus(interpolated(self._quality, quality))
        x = graph.convolution(pixels, stem, activation=True, winograd=False)
        for kernel in self._layers:
            x = graph.convolution(x, kernel, activation=True)
        change = graph.convolution(x, self._head, winograd=False)
        return Net(graph, [graph.sum(pixels, change)], self._memory)

    def __call__(self, unrestored: Floats, margins: Margins, quality: Hundredths) -> NDArray[np.uint8]:
        """Restores a window, and rounds it.

        Args:
            unrestored: float32 ``[192, H/8, W/8]``, from `Synthesis`.
            margins: What of it is margin, in blocks of 8x8 pixels: one or more where the image goes on.
            quality: Of the file.

        Returns:
            uint8 ``[H, W, 3]``, without the margins.
        """
        net = self._net_for(quality)
        rows, columns = unrestored.shape[1:]
        core = Region.within(FOLD * rows, FOLD * columns, margins.scaled(FOLD, 1).cut_to(WHOLE_IMAGE))
        blocks = unrestored.reshape(3, FOLD, FOLD, rows, columns).transpose(0, 3, 1, 4, 2)
        samples = np.empty((core.height, core.width, 3), np.uint8)
        strip_rows = FOLD * max(1, STRIP_PIXELS // (FOLD**2 * columns))

        def restore(first: int) -> None:
            last = min(first + strip_rows, core.height)
            above = min(self._reach, core.top + first)
            below = min(FOLD * rows, core.top + last + self._reach)
            pixels = _unfolded_rows(blocks, core.top + first - above, below, self._memory)
            (restored,) = net({"pixels": pixels})
            inside = restored[:, above : above + last - first, core.left : core.left + core.width]
            for colour, plane in enumerate(inside.clip(0.0, PEAK)):  # faster than all at once
                samples[first:last, :, colour] = plane

        self._workers.run(restore, range(0, core.height, strip_rows))
        return samples


def _unfolded_rows(blocks: Floats, start: int, stop: int, memory: Memory) -> FeatureMap:
    """Copies rows of pixels into a feature map ``[3, stop - start, W]``.

    Args:
        blocks: ``[3, H/8, 8, W/8, 8]``, in any order of memory.
        start: First row.
        stop: Row behind the last.
        memory: For the result.
    """
    columns = blocks.shape[3]
    rows = memory.new(3, stop - start, columns * FOLD)
    elements = rows.elements
    for block in range(start // FOLD, -(-stop // FOLD)):
        top, bottom = max(start, block * FOLD), min(stop, (block + 1) * FOLD)
        target = elements[:, top - start : bottom - start].reshape(3, bottom - top, columns, FOLD)
        np.copyto(target, blocks[:, block, top - block * FOLD : bottom - block * FOLD])
    return rows
