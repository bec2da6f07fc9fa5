"""The geometry of tiles: they cover the image once, windows stay inside it, and areas find their tiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.bitstream.header import TILE_SIDES, WHOLE
from cnncompress.codec.tiles import AUTOMATIC_SIDE, CELL, LARGEST_WHOLE, TileGrid, choose_side
from cnncompress.images.view import Rectangle
from cnncompress.model.config import HYPER_STRIDE

SIDES = st.integers(1, 700)
GRIDS = st.builds(TileGrid, SIDES, SIDES, st.sampled_from((WHOLE, 64, 128, 256)))


@st.composite
def areas(draw: st.DrawFn) -> tuple[TileGrid, Rectangle]:
    """A grid, and a part of its image with at least one pixel."""
    grid = draw(GRIDS)
    left, top = draw(st.integers(0, grid.width - 1)), draw(st.integers(0, grid.height - 1))
    right, bottom = draw(st.integers(left + 1, grid.width)), draw(st.integers(top + 1, grid.height))
    return grid, Rectangle(left, top, right, bottom)


def test_cells_are_those_of_the_networks() -> None:
    assert CELL == HYPER_STRIDE
    assert TILE_SIDES[0] == CELL and TILE_SIDES[-1] == 16384 and AUTOMATIC_SIDE in TILE_SIDES


@given(GRIDS)
def test_tiles_cover_the_image_once(grid: TileGrid) -> None:
    covered = np.zeros((grid.height, grid.width), int)
    for number in range(len(grid)):
        tile = grid.tile(number)
        assert (tile.left % CELL, tile.top % CELL) == (0, 0) and not tile.is_empty
        covered[tile.slices] += 1
    assert (covered == 1).all()


@given(GRIDS)
def test_no_tile_is_a_sliver(grid: TileGrid) -> None:
    if grid.side == WHOLE:
        assert len(grid) == 1
        return
    for number in range(len(grid)):
        tile = grid.tile(number)
        for length, whole in ((tile.width, grid.width), (tile.height, grid.height)):
            assert length < 1.5 * grid.side
            assert length >= grid.side / 2 or length == whole


@given(GRIDS, st.integers(0, 12))
def test_windows_hold_their_margins_or_end_with_the_image(grid: TileGrid, positions: int) -> None:
    margin = 16 * positions
    image = grid.image.padded(CELL)
    for number in range(len(grid)):
        window = grid.window(number, margin)
        core, outer = window.core, window.outer
        assert core == grid.tile(number).padded(CELL) and window.image == image
        assert all(edge % 16 == 0 for edge in outer)
        assert outer.left == max(0, core.left - margin) and outer.right == min(image.right, core.right + margin)
        assert outer.top == max(0, core.top - margin) and outer.bottom == min(image.bottom, core.bottom + margin)


@given(areas())
def test_areas_find_exactly_the_tiles_that_they_meet(case: tuple[TileGrid, Rectangle]) -> None:
    grid, area = case
    expected = [number for number in range(len(grid)) if not grid.tile(number).common(area).is_empty]
    assert list(grid.meeting(area)) == expected


@given(GRIDS)
def test_areas_beyond_the_edge_are_those_of_the_last_tiles(grid: TileGrid) -> None:
    assert grid.meeting(grid.image.padded(CELL)) == tuple(range(len(grid)))
    assert grid.meeting(Rectangle(0, 0, 0, 5)) == ()


@pytest.mark.parametrize(
    ("size", "wanted", "side"),
    [
        ((1, 1), None, WHOLE),
        ((2048, 1024), None, WHOLE),
        ((2049, 1024), None, AUTOMATIC_SIDE),
        ((1500, 1500), None, WHOLE),  # more than two megapixels, but one tile all the same
        ((65535, 30), None, WHOLE),
        ((65535, 33), None, AUTOMATIC_SIDE),
        ((2049, 1024), WHOLE, WHOLE),
        ((100, 95), 64, 64),
        ((95, 95), 64, WHOLE),
        ((40000, 10), 16384, 16384),
    ],
)
def test_choice_of_the_side(size: tuple[int, int], wanted: int | None, side: int) -> None:
    assert choose_side(*size, wanted) == side
    assert (
        (size[0] * size[1] <= LARGEST_WHOLE)
        or len(TileGrid(*size, side)) > 1
        or max(size) < 1.5 * AUTOMATIC_SIDE
        or wanted == WHOLE
    )


@pytest.mark.parametrize("wanted", [1, 63, 96, 32768, -64])
def test_other_sides_are_refused(wanted: int) -> None:
    with pytest.raises(ValueError, match=f"the side of tiles is {wanted}, expected 0 or one of 64, 128"):
        choose_side(100, 100, wanted)


def test_examples_of_the_format_page() -> None:
    grid = TileGrid(4000, 3000, 1024)
    assert (grid.columns, grid.rows) == (4, 3)
    assert grid.tile(0) == Rectangle(0, 0, 1024, 1024)
    assert grid.tile(11) == Rectangle(3072, 2048, 4000, 3000)
    assert len(TileGrid(65535, 65535, 1024)) == 4096
