"""Windows of an image: how far the layers of a model see, and what of a window is margin.

A window is a part of an image that the networks run over on its own. Its *core* is what is wanted; the *margin* around
it is as wide as the receptive field reaches, or ends where the image ends. A convolution with zero padding is right at
an edge of the image. At any other edge of its input, the outermost results have seen zeros instead of neighbours and
are cut off, layer by layer, and no layer computes more of the margin than the following layers need.

Everything here is arithmetic on integers, for whatever runs the layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cnncompress.model.config import PATCH, ModelConfig


@dataclass(frozen=True)
class Margin:
    """What lies beside a window's core on one side, in elements of the grid at hand.

    Attributes:
        extent: How many, 0 or more.
        is_edge: Whether the image ends there.
    """

    extent: int = 0
    is_edge: bool = True

    def after(self, reach: int, needed: int) -> Margin:
        """Returns what is kept of it after a layer: at most what is needed, and nothing that has seen a wrong zero."""
        sound = self.extent if self.is_edge else self.extent - reach
        kept = min(sound, needed)
        return Margin(kept, self.is_edge and kept == self.extent)

    def scaled(self, up: int, down: int) -> Margin:
        """Returns it on another grid."""
        return Margin(self.extent * up // down, self.is_edge)


class Margins(NamedTuple):
    """The margins of a window; by default those of a whole image, which has none."""

    left: Margin = Margin()
    top: Margin = Margin()
    right: Margin = Margin()
    bottom: Margin = Margin()

    def scaled(self, up: int, down: int) -> Margins:
        """Returns them on another grid."""
        return Margins(*(margin.scaled(up, down) for margin in self))

    def after(self, reach: int, needed: int) -> Margins:
        """Returns what is kept of them after a layer, see `Margin.after`."""
        return Margins(*(margin.after(reach, needed) for margin in self))

    def cut_to(self, kept: Margins) -> Cut:
        """Returns how many elements go where less is kept."""
        return Cut(*(margin.extent - keep.extent for margin, keep in zip(self, kept, strict=True)))


class Cut(NamedTuple):
    """Elements that are cut off on each side."""

    left: int
    top: int
    right: int
    bottom: int

    def slices(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns that are left of so many."""
        return slice(self.top, height - self.bottom), slice(self.left, width - self.right)


WHOLE_IMAGE = Margins()


class Layer(NamedTuple):
    """What a layer does to positions.

    Attributes:
        reach: How many elements it sees to each side, on the grid of its input.
        up: By how much it makes the grid finer.
        down: By how much it makes the grid coarser.
    """

    reach: int = 0
    up: int = 1
    down: int = 1


CONVOLUTION = Layer(reach=1)
"""A 3x3 kernel, or a residual layer around one."""
RESIDUAL_BLOCK = Layer(reach=2)


def needed_margins(layers: Sequence[Layer], needed: int = 0) -> tuple[int, ...]:
    """How far the result of layers sees, at each point between them.

    Args:
        layers: In order.
        needed: Margin that is wanted around their result.

    Returns:
        Margins in front of each layer, and ``needed`` at the end, each in elements of the grid at that point. The
        first is the receptive field's reach to each side.
    """
    margins = [needed]
    for layer in reversed(layers):
        margins.append(-(-margins[-1] // layer.up) * layer.down + layer.reach)
    return tuple(reversed(margins))


def analysis_layers(config: ModelConfig) -> tuple[Layer, ...]:
    """The layers of the analysis transform, from pixels to latent; those of single elements are left out."""
    return (
        Layer(down=8),
        CONVOLUTION,
        *[RESIDUAL_BLOCK] * config.blocks_8,
        Layer(down=2),
        *[RESIDUAL_BLOCK] * config.blocks_16,
        CONVOLUTION,
    )


def synthesis_layers(config: ModelConfig) -> tuple[Layer, ...]:
    """The layers of the synthesis transform up to its restoration filter, from latent to pixels, in the same way."""
    return (
        CONVOLUTION,
        *[RESIDUAL_BLOCK] * config.blocks_16,
        Layer(up=2),
        *[RESIDUAL_BLOCK] * config.blocks_8,
        CONVOLUTION,
        Layer(up=8),
    )


def restoration_layers(config: ModelConfig) -> tuple[Layer, ...]:
    """The layers of the restoration filter."""
    return (CONVOLUTION,) * (config.blocks_1 + 2)


def analysis_reach(config: ModelConfig) -> int:
    """How many pixels beside its own patch a latent position sees, on each side."""
    return needed_margins(analysis_layers(config))[0]


def restoration_reach(config: ModelConfig) -> int:
    """How many pixels beside it a restored pixel depends on, on each side."""
    return needed_margins(restoration_layers(config))[0]


def synthesis_reach(config: ModelConfig) -> int:
    """How many latent positions beside the one above it a pixel sees, on each side."""
    return needed_margins(synthesis_layers(config), restoration_reach(config))[0]


def analysis_margin(config: ModelConfig) -> int:
    """Pixels of margin that a window for the analysis has: its reach, rounded up to whole latent positions."""
    return -(-analysis_reach(config) // PATCH) * PATCH


def padded_size(height: int, width: int, multiple: int) -> tuple[int, int]:
    """Rounds a size up to whole multiples.

    Args:
        height: Rows, at least 1.
        width: Columns, at least 1.
        multiple: Side of a cell, at least 1.

    Returns:
        Height and width, each the smallest multiple that is not below the given one.
    """
    return -(-height // multiple) * multiple, -(-width // multiple) * multiple
