"""Tiles: the squares that a large image is cut into, each of which is coded on its own.

A *tile* is what one latent chunk holds. A *window* is what the networks run over for one tile: the tile with a margin
of its neighbours, as wide as the receptive field, or as the image goes on. What comes out for the tile is then what the
whole image would have given, and there is no seam. Tiles begin at multiples of 64 pixels, so that no cell of the
hyper-latent belongs to two of them; the image ends, for the networks, at such a multiple too.

Everything here is plain arithmetic on integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

WHOLE = 0
"""The side of the tiles of an image that is one tile."""

TILE_SIDES = tuple(64 << number for number in range(9))
"""What else the side may be: 64, 128, .. 16384 pixels."""

MAX_TILES = 65_000
"""A file has 65535 chunks at most, and some of them are others."""

CELL = 64
"""Pixels along each side of what one position of the hyper-latent stands for."""

AUTOMATIC_SIDE = 1024
LARGEST_WHOLE = 1 << 21
"""Pixels of the largest image that is one tile unless somebody asks for tiles."""


class Rectangle(NamedTuple):
    """An area, from ``left``, ``top`` up to but without ``right``, ``bottom``."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies in it."""
        return self.width <= 0 or self.height <= 0

    def grown(self, by: int) -> Rectangle:
        """Returns it with a margin on all sides."""
        return Rectangle(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def common(self, other: Rectangle) -> Rectangle:
        """Returns what lies in both; it may be empty."""
        return Rectangle(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def seen_from(self, other: Rectangle) -> Rectangle:
        """Returns the same area in coordinates that count from the corner of another one."""
        left, top = other.left, other.top
        return Rectangle(self.left - left, self.top - top, self.right - left, self.bottom - top)

    def padded(self, multiple: int) -> Rectangle:
        """Returns it with its sides made longer, to the right and to the bottom, up to whole multiples."""
        width, height = -(-self.width // multiple) * multiple, -(-self.height // multiple) * multiple
        return Rectangle(self.left, self.top, self.left + width, self.top + height)

    def divided(self, by: int) -> Rectangle:
        """Returns it on a coarser grid; all its edges are multiples of ``by``."""
        return Rectangle(*(edge // by for edge in self))

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, as an index of arrays."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


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

    @property
    def columns(self) -> int:
        """Tiles side by side."""
        return _parts(self.width, self.side)

    @property
    def rows(self) -> int:
        """Tiles one below the other."""
        return _parts(self.height, self.side)

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


def _parts(length: int, side: int) -> int:
    return max(1, (length + side // 2) // side) if side != WHOLE else 1


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
