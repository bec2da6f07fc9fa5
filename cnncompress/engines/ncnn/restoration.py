"""The restoration filter (`cnncompress.nn.restoration`), computed in pieces by several threads.

It has few channels at full resolution, so most of the time goes into passes over feature maps. To save passes, the
identity of each residual layer is folded into its kernel, and the vector by quality into the first bias. So there is
a small net for each quality. A layer has too few channels to be divided between threads, so each thread runs pieces of
the image.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.lazy import Recent
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

PIECE = 128
"""Side of a piece in pixels. Smaller pieces overlap more; feature maps of larger ones do not fit into the caches."""
QUALITIES_AT_HAND = 8
"""Number of nets kept."""


class Restoration:
    """Maps folded pixels to samples. Threads may share it."""

    def __init__(
        self, config: ModelConfig, arrays: Mapping[str, NDArray[Any]], memory: Memory, workers: Workers
    ) -> None:
        """Loads no net yet.

        Args:
            config: Shape of the model.
            arrays: Arrays of the float networks, by name.
            memory: Memory for feature maps.
            workers: Threads that run the pieces.
        """
        names = restoration_names(config)
        self._memory = memory
        self._workers = workers
        self._reach = restoration_reach(config)
        self._quality = arrays[f"{names.quality}.table"]
        # Input and output are in units of samples. Adding a half turns rounding down into rounding to the nearest.
        self._stem = Kernel.of(arrays, names.stem).scaled_inputs(1 / PEAK)
        self._layers = [Kernel.of(arrays, name).plus_identity() for name in names.layers]
        self._head = Kernel.of(arrays, names.head).scaled(PEAK).plus(CENTRE + 0.5)
        self._nets = Recent[Hundredths, Net](QUALITIES_AT_HAND)

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
        """Restores a window and rounds it.

        Args:
            unrestored: float32 ``[192, H/8, W/8]``, from `Synthesis`.
            margins: Margins of the window in blocks of 8x8 pixels: at least one on sides that are not the edge of the
                image.
            quality: Quality of the file.

        Returns:
            uint8 ``[H, W, 3]``, without the margins.
        """
        net = self._nets.get(quality, self._load)
        rows, columns = unrestored.shape[1:]
        height, width = FOLD * rows, FOLD * columns
        core = Region.within(height, width, margins.scaled(FOLD, 1).cut_to(WHOLE_IMAGE))
        blocks = unrestored.reshape(3, FOLD, FOLD, rows, columns).transpose(0, 3, 1, 4, 2)
        samples = np.empty((core.height, core.width, 3), np.uint8)

        def restore(corner: tuple[int, int]) -> None:
            top, left = corner
            bottom, right = min(top + PIECE, core.height), min(left + PIECE, core.width)
            seen_rows, rows_inside = self._around(core.top + top, core.top + bottom, height)
            seen_columns, columns_inside = self._around(core.left + left, core.left + right, width)
            (restored,) = net({"pixels": _unfolded(blocks, seen_rows, seen_columns, self._memory)})
            inside = restored[:, rows_inside, columns_inside].clip(0.0, PEAK)
            with np.errstate(invalid="ignore"):  # unusual models may overflow; NumPy has this setting per thread
                for colour, plane in enumerate(inside):  # faster than all at once
                    samples[top:bottom, left:right, colour] = plane

        corners = itertools.product(range(0, core.height, PIECE), range(0, core.width, PIECE))
        self._workers.run(restore, corners)
        return samples

    def _around(self, start: int, stop: int, end: int) -> tuple[slice, slice]:
        """Returns the input range of some rows or columns, and their place within it."""
        first = max(0, start - self._reach)
        return slice(first, min(end, stop + self._reach)), slice(start - first, stop - first)


def _unfolded(blocks: Floats, rows: slice, columns: slice, memory: Memory) -> FeatureMap:
    """Copies pixels into a feature map ``[3, rows, columns]``.

    Args:
        blocks: ``[3, H/8, 8, W/8, 8]``, in any order of memory.
        rows: Rows of pixels to copy.
        columns: Columns of pixels to copy.
        memory: Memory for the result.
    """
    down, across = (slice(part.start // FOLD, -(-part.stop // FOLD)) for part in (rows, columns))
    whole = blocks[:, down, :, across].reshape(3, FOLD * (down.stop - down.start), FOLD * (across.stop - across.start))
    top, left = rows.start - FOLD * down.start, columns.start - FOLD * across.start
    return memory.copy_of(whole[:, top : top + rows.stop - rows.start, left : left + columns.stop - columns.start])
