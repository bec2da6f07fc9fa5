"""How the items of AVIF files belong together: what is a picture of its own, and what is a part of one."""

from __future__ import annotations

import io

import pytest
from avif_files import PRIMARY, Item, Reference, items_alone

from cnncompress.images.fields.findings import Fields
from cnncompress.images.fields.look import look_into

_SECOND, _GAIN_MAP, _DEPTH = (
    "a second picture is not kept", "the gain map (HDR) is not kept", "the depth map is not kept",
)  # fmt: skip
_NAMES = b"urn:mpeg:mpegB:cicp:systems:auxiliary:"


def fields(items: list[Item], *references: Reference) -> Fields:
    return look_into(io.BytesIO(items_alone([Item(PRIMARY, b"grid"), *items], references)), None)


def grid(number: int, *cells: int) -> Reference:
    return Reference(b"dimg", number, cells)


def test_cells_of_the_picture_at_any_depth() -> None:
    chain = [grid(number, number + 1) for number in range(1, 50)]
    assert fields([Item(number) for number in range(2, 51)], *chain).pictures == ()
    assert fields([Item(number) for number in range(2, 52)], *chain).pictures == (_SECOND,)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (_NAMES + b"alpha", ()),
        (_NAMES + b"depth", (_DEPTH,)),
        (b"urn:com:apple:photo:2020:aux:hdrgainmap", (_GAIN_MAP,)),
        (b"urn:somebody:else", (_SECOND,)),
    ],
)
def test_cells_of_an_auxiliary_picture_go_by_its_name(name: bytes, said: tuple[str, ...]) -> None:
    items = [Item(2), Item(3), Item(4, b"grid", name), Item(5), Item(6)]
    references = (grid(1, 2, 3), grid(4, 5, 6), Reference(b"auxl", 4, (1,)))
    assert fields(items, *references).pictures == said
    assert fields([*items[:2], *items[3:], items[2]], *references).pictures == said, "in any order"


def test_pictures_behind_a_gain_map() -> None:
    tone_map = [Item(2), Item(3, b"tmap"), Item(4, b"grid"), Item(5)]
    assert fields(tone_map, grid(1, 2), grid(3, 1, 4), grid(4, 5)).pictures == (_GAIN_MAP,)
    assert fields([*tone_map, Item(6)], grid(1, 2), grid(3, 1, 4), grid(4, 5)).pictures == (_GAIN_MAP, _SECOND)


def test_thumbnails() -> None:
    thumbnails = [Reference(b"thmb", 3, (1,)), grid(3, 4)]
    assert fields([Item(2), Item(3, b"grid"), Item(4)], grid(1, 2), *thumbnails).pictures == ()


def test_pictures_that_are_parts_of_each_other() -> None:
    assert fields([Item(2), Item(3)], grid(2, 3), grid(3, 2)).pictures == (_SECOND,)


def test_a_picture_that_is_a_part_of_itself() -> None:
    assert fields([Item(2, b"grid")], grid(1, 2), grid(2, 1)).pictures == ()


@pytest.mark.parametrize("reference", [Reference(b"auxl", 1, (2,)), Reference(b"dimg", 2, (1,))])
def test_references_in_the_other_direction(reference: Reference) -> None:
    assert fields([Item(2)], reference).pictures == (_SECOND,)


def test_more_items_than_are_looked_at() -> None:
    found = fields([Item(number) for number in range(2, 10_002)])
    assert found.extras == ("items beyond the first 10000 are not kept",)
