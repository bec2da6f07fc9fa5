"""Trims a window after each layer of a net (`cnncompress.model.receptive_field`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnncompress.engines.ncnn.graph import Graph
from cnncompress.engines.ncnn.library import ncnn
from cnncompress.engines.ncnn.mats import FeatureMap
from cnncompress.model.receptive_field import Cut, Layer, Margins, needed_margins


@dataclass(frozen=True)
class Region:
    """A rectangle of a feature map.

    Attributes:
        left: Number of columns to its left.
        top: Number of rows above it.
        height: Number of rows.
        width: Number of columns.
    """

    left: int
    top: int
    height: int
    width: int

    @classmethod
    def within(cls, height: int, width: int, cut: Cut) -> Region:
        """Returns the rest of a feature map after a cut."""
        return cls(cut.left, cut.top, height - cut.top - cut.bottom, width - cut.left - cut.right)

    def input(self, channels: int) -> FeatureMap:
        """Returns the region as the input of a crop layer with that number of channels."""
        mat = ncnn.Mat((6,))
        np.asarray(mat).view(np.int32)[...] = (self.left, self.top, 0, self.width, self.height, channels)
        return FeatureMap(mat)


@dataclass(frozen=True)
class Trim:
    """How a window is trimmed by a sequence of layers.

    Attributes:
        regions: Region that is kept of each layer's output.
        margins: Margins of the last region.
    """

    regions: tuple[Region, ...]
    margins: Margins


class Trimming:
    """Trims the output of each layer of a net to the region that the following layers need."""

    def __init__(self, graph: Graph, layers: Sequence[Layer]) -> None:
        """Starts before the first layer.

        Args:
            graph: The net.
            layers: Geometry of its layers, in order, without elementwise ones.
        """
        self._graph = graph
        self._layers = layers
        self._channels: list[int] = []

    def after_layer(self, blob: str) -> str:
        """Trims the output of the next layer."""
        self._channels.append(self._graph.channels(blob))
        return self._graph.crop(blob, self._graph.input(_name(len(self._channels) - 1), 1))

    def plan(self, height: int, width: int, margins: Margins, needed: int = 0) -> Trim:
        """Computes how a window is trimmed.

        Args:
            height: Number of rows of the window.
            width: Number of columns of the window.
            margins: Margins of the window. Each is at least as wide as `needed_margins` says, or ends at the edge of
                the image.
            needed: Margin to keep around the result, except at the edge of the image.
        """
        regions = []
        for layer, wanted in zip(self._layers, needed_margins(self._layers, needed)[1:], strict=True):
            height, width = height * layer.up // layer.down, width * layer.up // layer.down
            margins = margins.scaled(layer.up, layer.down)
            kept = margins.after(layer.reach, wanted)
            regions.append(Region.within(height, width, margins.cut_to(kept)))
            height, width = regions[-1].height, regions[-1].width
            margins = kept
        return Trim(tuple(regions), margins)

    def inputs(self, trim: Trim) -> dict[str, FeatureMap]:
        """Returns the inputs of the net for a trim: the regions of its crop layers."""
        pairs = zip(trim.regions, self._channels, strict=True)
        return {_name(index): region.input(channels) for index, (region, channels) in enumerate(pairs)}


def _name(index: int) -> str:
    return f"region{index}"
