"""Runs layers over a part of an image as if the rest were there: receptive fields, and margins that cover them.

A convolution with zero padding is right at an edge of the image. At any other edge of what it is given, the outermost
results have seen zeros instead of the neighbours, and are cut off here, layer by layer. The input of a window therefore
has a *margin* around what is wanted, as wide as the receptive field reaches, and no layer computes more of it than the
layers behind need. What comes out is what they make of the whole image there, but for rounding errors.

Where the image ends, it is padded to whole cells of the hyper-latent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from cnncompress.nn.blocks import ResidualBlock, ResidualLayer


@dataclass(frozen=True)
class Margin:
    """What lies beside a window's core on one side, in elements of the grid at hand.

    Attributes:
        extent: How many, 0 or more.
        is_edge: Whether the image ends behind them.
    """

    extent: int = 0
    is_edge: bool = True

    def after(self, reach: int, needed: int) -> Margin:
        """Returns what is kept of it behind a layer: at most what is needed, and nothing that has seen a wrong zero."""
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


WHOLE_IMAGE = Margins()


class _Layer(NamedTuple):
    """What a layer does to positions: how far it sees, and by how much it makes the grid finer or coarser."""

    reach: int = 0
    up: int = 1
    down: int = 1


def _layer(module: nn.Module) -> _Layer:
    if isinstance(module, nn.Conv2d):
        return _Layer(reach=int(module.kernel_size[0]) // 2)
    if isinstance(module, ResidualBlock):
        return _Layer(reach=2)
    if isinstance(module, ResidualLayer):
        return _Layer(reach=1)
    if isinstance(module, nn.PixelShuffle):
        return _Layer(up=module.upscale_factor)
    if isinstance(module, nn.PixelUnshuffle):
        return _Layer(down=module.downscale_factor)
    return _Layer()  # of single elements


def needed_margins(layers: Iterable[nn.Module], needed: int = 0) -> tuple[int, ...]:
    """How far the result of layers sees, at each point between them.

    Args:
        layers: Convolutions, residual blocks and layers, shuffles, and what works on single elements; flat.
        needed: Margin that is wanted around their result.

    Returns:
        Margins in front of each layer, and ``needed`` at the end, each in elements of the grid at that point. The
        first is the receptive field's reach to each side.
    """
    margins = [needed]
    for module in reversed(list(layers)):
        layer = _layer(module)
        margins.append(-(-margins[-1] // layer.up) * layer.down + layer.reach)
    return tuple(reversed(margins))


def run_window(layers: Iterable[nn.Module], x: Tensor, margins: Margins, needed: int = 0) -> tuple[Tensor, Margins]:
    """Runs layers over a window.

    Args:
        layers: As for `needed_margins`.
        x: ``[B, C, h, w]``, the window's core with its margins, each of which is as wide as `needed_margins` says, or
            wider, or ends at the edge of the image.
        margins: What of it is margin.
        needed: Margin that is wanted around the result, except where the image ends.

    Returns:
        The result, and its margins.
    """
    layers = list(layers)
    for module, wanted in zip(layers, needed_margins(layers, needed)[1:], strict=True):
        layer = _layer(module)
        x = module(x)
        margins = Margins(*(margin.scaled(layer.up, layer.down) for margin in margins))
        kept = Margins(*(margin.after(layer.reach, wanted) for margin in margins))
        x = trimmed(x, margins, kept)
        margins = kept
    return x, margins


def trimmed(x: Tensor, margins: Margins, kept: Margins = WHOLE_IMAGE) -> Tensor:
    """Cuts margins off.

    Args:
        x: ``[B, C, h, w]``.
        margins: Of x.
        kept: What is left of them; by default nothing.
    """
    left, top, right, bottom = (margin.extent - keep.extent for margin, keep in zip(margins, kept, strict=True))
    if not (left or top or right or bottom):
        return x
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]


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


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Extends an image at its bottom and right edge by repeating the last row and column.

    Args:
        x: Float ``[B, C, H, W]``.
        multiple: Side of a cell, at least 1.

    Returns:
        float ``[B, C, H', W']`` with ``H'`` and ``W'`` whole multiples.
    """
    height, width = x.shape[-2:]
    padded_height, padded_width = padded_size(height, width, multiple)
    return F.pad(x, (0, padded_width - width, 0, padded_height - height), mode="replicate")
