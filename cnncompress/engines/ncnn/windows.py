"""What the layers of a net keep of a window (`cnncompress.model.receptive_field`)."""

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
        left: Columns to its left.
        top: Rows above it.
        height: Rows of it.
        width: Columns of it.
    """

    left: int
    top: int
    height: int
    width: int

    @classmethod
    def within(cls, height: int, width: int, cut: Cut) -> Region:
        """What is left of a feature map when something is cut off."""
        return cls(cut.left, cut.top, height - cut.top - cut.bottom, width - cut.left - cut.right)

    def input(self, channels: int) -> FeatureMap:
        """As the input of a layer that cuts it out of so many channels."""
        mat = ncnn.Mat((6,))
        np.asarray(mat).view(np.int32)[...] = (self.left, self.top, 0, self.width, self.height, channels)
        return FeatureMap(mat)


@dataclass(frozen=True)
class Trim:
    """What a window is cut down to after each of some layers.

    Attributes:
        regions: What is kept of each layer's result.
        margins: What of the last of them is margin.
    """

    regions: tuple[Region, ...]
    margins: Margins


class Trimming:
    """The layers of a net, after each of which a window is cut down to what the following layers need."""

    def __init__(self, graph: Graph, layers: Sequence[Layer]) -> None:
        """Starts in front of the first layer.

        Args:
            graph: The net.
            layers: What its layers will do to positions, in order; those of single elements are left out.
        """
        self._graph = graph
        self._layers = layers
        self._channels: list[int] = []

    def after_layer(self, blob: str) -> str:
        """Cuts down the result of the next layer."""
        self._channels.append(self._graph.channels(blob))
        return self._graph.crop(blob, self._graph.input(_name(len(self._channels) - 1), 1))

    def plan(self, height: int, width: int, margins: Margins, needed: int = 0) -> Trim:
        """Finds what is cut off after each layer.

        Args:
            height: Rows of the window.
            width: Columns of the window.
            margins: What of it is margin, on each side as wide as `needed_margins` says, or wider, or up to the edge
                of the image.
            needed: Margin that is wanted around the result, except where the image ends.
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
        """The inputs of the net that say what is cut off."""
        pairs = zip(trim.regions, self._channels, strict=True)
        return {_name(index): region.input(channels) for index, (region, channels) in enumerate(pairs)}


def _name(index: int) -> str:
    return f"region{index}"
