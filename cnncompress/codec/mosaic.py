"""Cuts windows of tiles out of an image's pixels, and puts them together from the latents of its tiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.tiles import CELL, TileGrid, TileWindow
from cnncompress.engines.interface import Engine, Latent
from cnncompress.images.view import Rectangle
from cnncompress.model.config import PATCH
from cnncompress.model.receptive_field import Margin, Margins, synthesis_reach


def margins_of(window: TileWindow, unit: int) -> Margins:
    """Returns the margins of a window.

    Args:
        window: In pixels.
        unit: Pixels along each side of an element of the grid that is asked for.
    """
    core, outer, image = window.core, window.outer, window.image
    return Margins(
        Margin((core.left - outer.left) // unit, outer.left == image.left),
        Margin((core.top - outer.top) // unit, outer.top == image.top),
        Margin((outer.right - core.right) // unit, outer.right == image.right),
        Margin((outer.bottom - core.bottom) // unit, outer.bottom == image.bottom),
    )


def pixels_in(pixels: NDArray[np.uint8], area: Rectangle) -> NDArray[np.uint8]:
    """Cuts a part out of an image; a view of it where that does.

    Args:
        pixels: uint8 ``[H, W, 3]``.
        area: What is wanted. What lies to the right or below of the image repeats its last column or row.

    Returns:
        uint8 ``[h, w, 3]``.
    """
    height, width, _ = pixels.shape
    inside = area.common(Rectangle(0, 0, width, height))
    beyond = ((0, area.bottom - inside.bottom), (0, area.right - inside.right), (0, 0))
    return pixels[inside.slices] if inside == area else np.pad(pixels[inside.slices], beyond, mode="edge")


class LatentMosaic:
    """The latents of some tiles, from which windows for the synthesis are put together."""

    def __init__(self, grid: TileGrid, engine: Engine) -> None:
        """Holds nothing yet.

        Args:
            grid: The tiles.
            engine: Its synthesis decides on the width of the margins.
        """
        self.grid = grid
        self._engine = engine
        self._margin = synthesis_reach(engine.config) * PATCH
        self._latents: dict[int, Latent] = {}

    def __contains__(self, number: int) -> bool:
        """Whether there is a latent of a tile."""
        return number in self._latents

    def put(self, number: int, latent: Latent) -> None:
        """Takes the latent of a tile, ``[1, M, h, w]``, in the place of what was there."""
        self._latents[number] = latent

    def needed(self, number: int) -> tuple[int, ...]:
        """The tiles that are in the window of a tile, that one included."""
        return self.grid.meeting(self.grid.window(number, self._margin).outer)

    def window(self, number: int) -> tuple[Latent, Margins]:
        """Puts the window of a tile together.

        Args:
            number: Of the tile; there are latents of all that are `needed`.

        Returns:
            ``[1, M, h, w]``, the engine's array, and what of it is margin, in latent positions.
        """
        window = self.grid.window(number, self._margin)
        own = self._latents[number]
        if window.outer == window.core:
            return own, margins_of(window, PATCH)
        outer = window.outer.divided(PATCH)
        whole = self._engine.blank(outer.height, outer.width)
        for tile in self.needed(number):
            area = self.grid.tile(tile).padded(CELL).divided(PATCH)
            common = area.common(outer)
            whole[(..., *common.seen_from(outer).slices)] = self._latents[tile][(..., *common.seen_from(area).slices)]
        return whole, margins_of(window, PATCH)

    def forget_before(self, number: int) -> None:
        """Forgets the latents that the windows of a tile and of those behind it do not need."""
        if number >= len(self.grid):
            self._latents.clear()
            return
        row, columns = number // self.grid.columns, self.grid.columns
        first = min(self.needed(tile)[0] for tile in (number, min(row + 1, self.grid.rows - 1) * columns))
        self._latents = {tile: latent for tile, latent in self._latents.items() if tile >= first}
