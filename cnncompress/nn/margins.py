"""Runs modules over a window as if the rest of the image were there (`cnncompress.model.receptive_field`)."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from cnncompress.model.receptive_field import WHOLE_IMAGE, Layer, Margins, needed_margins
from cnncompress.nn.blocks import ResidualBlock, ResidualLayer


def layer_of(module: nn.Module) -> Layer:
    """What a module does to positions: a convolution, residual block or layer, or shuffle; others see one element."""
    if isinstance(module, nn.Conv2d):
        return Layer(reach=int(module.kernel_size[0]) // 2)
    if isinstance(module, ResidualBlock):
        return Layer(reach=2)
    if isinstance(module, ResidualLayer):
        return Layer(reach=1)
    if isinstance(module, nn.PixelShuffle):
        return Layer(up=module.upscale_factor)
    if isinstance(module, nn.PixelUnshuffle):
        return Layer(down=module.downscale_factor)
    return Layer()


def module_margins(modules: Iterable[nn.Module], needed: int = 0) -> tuple[int, ...]:
    """The same as `needed_margins`, of modules in a flat order."""
    return needed_margins([layer_of(module) for module in modules], needed)


def run_window(modules: Iterable[nn.Module], x: Tensor, margins: Margins, needed: int = 0) -> tuple[Tensor, Margins]:
    """Runs modules over a window.

    Args:
        modules: In a flat order, see `layer_of`.
        x: ``[B, C, h, w]``, the window's core with its margins, each of which is as wide as `module_margins` says, or
            wider, or ends at the edge of the image.
        margins: What of it is margin.
        needed: Margin that is wanted around the result, except where the image ends.

    Returns:
        The result, and its margins.
    """
    modules = list(modules)
    for module, wanted in zip(modules, module_margins(modules, needed)[1:], strict=True):
        layer = layer_of(module)
        margins = margins.scaled(layer.up, layer.down)
        kept = margins.after(layer.reach, wanted)
        x = trimmed(module(x), margins, kept)
        margins = kept
    return x, margins


def trimmed(x: Tensor, margins: Margins, kept: Margins = WHOLE_IMAGE) -> Tensor:
    """Cuts margins off.

    Args:
        x: ``[B, C, h, w]``.
        margins: Of x.
        kept: What is left of them; by default nothing.
    """
    cut = margins.cut_to(kept)
    return x[(..., *cut.slices(*x.shape[-2:]))] if any(cut) else x
