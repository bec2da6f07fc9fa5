"""Tiles: a large image is cut into squares that are encoded independently.

A *tile* is the part of the image in one latent chunk. A *window* is the input of the networks for one tile: the tile
with a margin of its neighbours. The margin is as wide as the receptive field, or ends at the edge of the image. The
output for the tile is therefore the same as for the whole image, without seams. Tiles begin at multiples of 64 pixels,
so that no position of the hyper-latent belongs to two of them. For the networks, the image is extended to such
multiples.

This module contains only integer arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

from cnncompress.bitstream.header import MAX_TILES, TILE_SIDES, WHOLE, Header, tiles_along
from cnncompress.errors import LimitExceeded
from cnncompress.images.view import Rectangle

CELL = 64
"""Side in pixels of the area of one position of the hyper-latent."""

AUTOMATIC_SIDE = 1024
LARGEST_WHOLE = 1 << 21
"""Largest number of pixels of an image that is one tile by default."""


@dataclass(frozen=True)
class TileWindow:
    """The input of the networks for one tile, in pixels of the extended image.

    Attributes:
        core: The tile; its sides are multiples of 64.
        outer: The tile and its margins.
        image: The whole extended image.
    """

    core: Rectangle
    outer: Rectangle
    image: Rectangle


@dataclass(frozen=True)
class TileGrid:
    """The tiles of one image.

    The image is cut every ``side`` pixels. A remainder at the right or at the bottom becomes a tile of its own if it is
    at least half a side; otherwise it belongs to the tile before.

    Attributes:
        width: Columns of the image.
        height: Rows of the image.
        side: One of `TILE_SIDES`, or `WHOLE`.
    """

    width: int
    height: int
    side: int = WHOLE

    @classmethod
    def of(cls, header: Header) -> TileGrid:
        """Returns the tiles of a file's image."""
        return cls(header.width, header.height, header.tile_side)

    @property
    def columns(self) -> int:
        """Number of tiles in a row."""
        return tiles_along(self.width, self.side)

    @property
    def rows(self) -> int:
        """Number of tiles in a column."""
        return tiles_along(self.height, self.side)

    def __len__(self) -> int:
        """Number of tiles."""
        return self.columns * self.rows

    @property
    def image(self) -> Rectangle:
        """The whole image."""
        return Rectangle(0, 0, self.width, self.height)

    def tile(self, number: int) -> Rectangle:
        """Returns the area of a tile in pixels; tiles are numbered row by row, from the top left."""
        row, column = divmod(number, self.columns)
        return Rectangle(
            column * self.side,
            row * self.side,
            self.width if column == self.columns - 1 else (column + 1) * self.side,
            self.height if row == self.rows - 1 else (row + 1) * self.side,
        )

    def window(self, number: int, margin: int) -> TileWindow:
        """Returns the window of a tile.

        Args:
            number: Number of the tile.
            margin: Width of the margins in pixels, a multiple of 16. They are narrower at the edge of the image.
        """
        core, image = self.tile(number).padded(CELL), self.image.padded(CELL)
        return TileWindow(core, core.grown(margin).common(image), image)

    def meeting(self, area: Rectangle) -> tuple[int, ...]:
        """Returns the numbers of the tiles that have pixels in an area, ascending.

        Args:
            area: The area in pixels. What is to the right of the image or below it belongs to its last tiles.
        """
        if area.is_empty:
            return ()
        if self.side == WHOLE:
            return (0,)
        columns = range(self._of(area.left, self.columns), self._of(area.right - 1, self.columns) + 1)
        rows = range(self._of(area.top, self.rows), self._of(area.bottom - 1, self.rows) + 1)
        return tuple(row * self.columns + column for row in rows for column in columns)

    def _of(self, pixel: int, parts: int) -> int:
        return min(max(pixel // self.side, 0), parts - 1)


def choose_side(width: int, height: int, wanted: int | None = None) -> int:
    """Chooses the side of an image's tiles.

    Args:
        width: Columns of the image.
        height: Rows of the image.
        wanted: One of `TILE_SIDES`, `WHOLE`, or None for the default.

    Returns:
        The side; `WHOLE` if there is only one tile.

    Raises:
        ValueError: ``wanted`` is not one of these.
    """
    if wanted is None:
        wanted = WHOLE if width * height <= LARGEST_WHOLE else AUTOMATIC_SIDE
    if wanted not in (WHOLE, *TILE_SIDES):
        raise ValueError(f"the side of tiles is {wanted}, expected 0 or one of {', '.join(map(str, TILE_SIDES))}")
    return wanted if len(TileGrid(width, height, wanted)) > 1 else WHOLE


def check_tile_count(grid: TileGrid) -> None:
    """Checks the number of tiles of an image.

    Raises:
        LimitExceeded: There are more tiles than a file can have.
    """
    if len(grid) > MAX_TILES:
        raise LimitExceeded(
            f"{len(grid)} tiles of {grid.side} pixels are more than the {MAX_TILES} that a file can hold"
        )
