"""Windows of tiles: groups for batches, pixels, and latents."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

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
        window: The window, in pixels.
        unit: Unit of the result in pixels.
    """
    core, outer, image = window.core, window.outer, window.image
    return Margins(
        Margin((core.left - outer.left) // unit, outer.left == image.left),
        Margin((core.top - outer.top) // unit, outer.top == image.top),
        Margin((outer.right - core.right) // unit, outer.right == image.right),
        Margin((outer.bottom - core.bottom) // unit, outer.bottom == image.bottom),
    )


def groups(grid: TileGrid, numbers: Iterable[int], margin: int, pixels_at_once: int) -> list[tuple[int, ...]]:
    """Divides tiles into groups that an engine runs as batches: consecutive tiles whose windows have the same shape.

    Args:
        grid: The tiles.
        numbers: Numbers of the tiles to divide, ascending.
        margin: Margin of the windows in pixels; 0 for tiles without margins.
        pixels_at_once: Largest number of pixels of a batch, as in `Engine`.

    Returns:
        The groups in order, each of at least one tile.
    """

    def kind(number: int) -> tuple[int, int, Margins | None]:
        window = grid.window(number, margin)
        return window.outer.width, window.outer.height, margins_of(window, 1) if margin else None

    found: list[tuple[int, ...]] = []
    for (width, height, _), run in itertools.groupby(numbers, kind):
        alike = tuple(run)
        most = max(1, pixels_at_once // (width * height))
        found += [alike[start : start + most] for start in range(0, len(alike), most)]
    return found


def pixels_in(pixels: NDArray[np.uint8], area: Rectangle) -> NDArray[np.uint8]:
    """Cuts an area out of an image; a view if the area is within the image.

    Args:
        pixels: uint8 ``[H, W, 3]``.
        area: The area. Pixels to the right of the image or below it repeat its last column or row.

    Returns:
        uint8 ``[h, w, 3]``.
    """
    height, width, _ = pixels.shape
    inside = area.common(Rectangle(0, 0, width, height))
    beyond = ((0, area.bottom - inside.bottom), (0, area.right - inside.right), (0, 0))
    return pixels[inside.slices] if inside == area else np.pad(pixels[inside.slices], beyond, mode="edge")


class LatentMosaic:
    """Latents of tiles, from which it assembles windows for the synthesis."""

    def __init__(self, grid: TileGrid, engine: Engine) -> None:
        """Holds nothing yet.

        Args:
            grid: The tiles.
            engine: The engine; its synthesis determines the width of the margins.
        """
        self.grid = grid
        self.margin = synthesis_reach(engine.config) * PATCH
        """Margin of the windows in pixels."""
        self._engine = engine
        self._latents: dict[int, Latent] = {}

    def __contains__(self, number: int) -> bool:
        """Whether it holds the latent of a tile."""
        return number in self._latents

    def put(self, number: int, latent: Latent) -> None:
        """Stores the latent of a tile, ``[1, M, h, w]``, and replaces an earlier one."""
        self._latents[number] = latent

    def needed(self, numbers: Sequence[int]) -> list[int]:
        """Returns the numbers of all tiles in the windows of some tiles, ascending."""
        windows = (self.grid.window(number, self.margin).outer for number in numbers)
        return sorted({tile for window in windows for tile in self.grid.meeting(window)})

    def windows(self, numbers: Sequence[int]) -> tuple[Latent, Margins]:
        """Assembles the windows of tiles.

        Args:
            numbers: Tiles whose windows have the same shape. The latents of all `needed` tiles must be stored.

        Returns:
            ``[B, M, h, w]``, the engine's array; and the margins in latent positions.
        """
        window = self.grid.window(numbers[0], self.margin)
        margins = margins_of(window, PATCH)
        if window.outer == window.core:
            return self._latents[numbers[0]], margins
        size = window.outer.divided(PATCH)
        wholes = self._engine.zeros(len(numbers), size.height, size.width)
        for index, number in enumerate(numbers):
            outer = self.grid.window(number, self.margin).outer.divided(PATCH)
            for tile in self.needed([number]):
                area = self.grid.tile(tile).padded(CELL).divided(PATCH)
                common = area.common(outer)
                part = self._latents[tile][(0, slice(None), *common.seen_from(area).slices)]
                wholes[(index, slice(None), *common.seen_from(outer).slices)] = part
        return wholes, margins

    def forget_before(self, number: int) -> None:
        """Removes latents that the windows of a tile and of later tiles do not need."""
        if number >= len(self.grid):
            self._latents.clear()
            return
        row, columns = number // self.grid.columns, self.grid.columns
        first = min(self.needed([tile])[0] for tile in (number, min(row + 1, self.grid.rows - 1) * columns))
        self._latents = {tile: latent for tile, latent in self._latents.items() if tile >= first}
