"""Tiles: the squares that a large image is cut into, each of which is coded on its own.

A *tile* is what one latent chunk holds. A *window* is what the networks run over for one tile: the tile with a margin
of its neighbours, as wide as the receptive field, or as the image goes on. What comes out for the tile is then what the
whole image would have given, and there is no seam. Tiles begin at multiples of 64 pixels, so that no cell of the
hyper-latent belongs to two of them; the image ends, for the networks, at such a multiple too.

Everything here is plain arithmetic on integers.
"""

from __future__ import annotations

from dataclasses import dataclass

from cnncompress.bitstream.header import MAX_TILES, TILE_SIDES, WHOLE, Header, tiles_along
from cnncompress.errors import LimitExceeded
from cnncompress.images.view import Rectangle

CELL = 64
"""Pixels along each side of what one position of the hyper-latent stands for."""

AUTOMATIC_SIDE = 1024
LARGEST_WHOLE = 1 << 21
"""Pixels of the largest image that is one tile unless somebody asks for tiles."""


@dataclass(frozen=True)
class TileWindow:
    """What the networks run over for one tile, in pixels of the image as it is for the networks.

    Attributes:
        core: The tile; its sides are multiples of 64.
        outer: The tile and its margins.
        image: The whole image.
    """

    core: Rectangle
    outer: Rectangle
    image: Rectangle


@dataclass(frozen=True)
class TileGrid:
    """The tiles of one image.

    The image is cut every ``side`` pixels. What is left at the right and at the bottom makes a tile of its own if it is
    at least half a side, and else belongs to the tile before.

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
        """Returns the tiles of the image of a file."""
        return cls(header.width, header.height, header.tile_side)

    @property
    def columns(self) -> int:
        """Tiles side by side."""
        return tiles_along(self.width, self.side)

    @property
    def rows(self) -> int:
        """Tiles one below the other."""
        return tiles_along(self.height, self.side)

    def __len__(self) -> int:
        """Number of tiles."""
        return self.columns * self.rows

    @property
    def image(self) -> Rectangle:
        """The whole image."""
        return Rectangle(0, 0, self.width, self.height)

    def tile(self, number: int) -> Rectangle:
        """Returns the pixels of a tile; they are numbered row by row, from the top left."""
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
            number: Of the tile.
            margin: Pixels on each side, less where the image ends; a multiple of 16.
        """
        core, image = self.tile(number).padded(CELL), self.image.padded(CELL)
        return TileWindow(core, core.grown(margin).common(image), image)

    def meeting(self, area: Rectangle) -> tuple[int, ...]:
        """Returns the numbers of the tiles that have pixels in an area, ascending.

        Args:
            area: In pixels. What lies to the right or below of the image counts as that of its last tiles.
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
        wanted: One of `TILE_SIDES`, `WHOLE`, or None for what is best.

    Returns:
        The side; `WHOLE` if that makes one tile only.

    Raises:
        ValueError: ``wanted`` is none of these.
    """
    if wanted is None:
        wanted = WHOLE if width * height <= LARGEST_WHOLE else AUTOMATIC_SIDE
    if wanted not in (WHOLE, *TILE_SIDES):
        raise ValueError(f"the side of tiles is {wanted}, expected 0 or one of {', '.join(map(str, TILE_SIDES))}")
    return wanted if len(TileGrid(width, height, wanted)) > 1 else WHOLE


def check_tile_count(grid: TileGrid) -> None:
    """Checks into how many tiles an image is cut.

    Raises:
        LimitExceeded: More than a file can hold.
    """
    if len(grid) > MAX_TILES:
        raise LimitExceeded(
            f"{len(grid)} tiles of {grid.side} pixels are more than the {MAX_TILES} that a file can hold"
        )
