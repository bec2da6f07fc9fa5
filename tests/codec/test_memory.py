"""Estimates of memory: they grow with what is asked for, and hold for what is really allocated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cnncompress.bitstream.container import Header, Layout
from cnncompress.bitstream.header import WHOLE, tile_count
from cnncompress.codec.memory import decoding_bytes, encoding_bytes, plain_bytes
from cnncompress.codec.tiles import AUTOMATIC_SIDE, TileGrid, choose_side
from cnncompress.errors import LimitExceeded
from cnncompress.images.limits import DEFAULT_MAX_PIXELS, DEFAULT_MEMORY_LIMIT, Limits
from cnncompress.images.view import View
from cnncompress.model.config import ModelConfig
from cnncompress.units import Hundredths

CONFIG = ModelConfig()
WHOLE_VIEW = View()


def header(width: int, height: int, layout: Layout = Layout.RGB, tile: int | None = None) -> Header:
    return Header(layout, width, height, Hundredths(50_00), b"abcd", choose_side(width, height, tile))


def decoding(head: Header, view: View = WHOLE_VIEW) -> int:
    return decoding_bytes(TileGrid.of(head), head.layout, view, CONFIG)


def test_a_photograph_of_100_megapixels_is_within_the_default_limits() -> None:
    head = header(11547, 8660)
    assert 0.7e9 < decoding(head) < 1.6e9 < DEFAULT_MEMORY_LIMIT
    assert encoding_bytes(TileGrid.of(head), CONFIG) < DEFAULT_MEMORY_LIMIT
    assert head.width * head.height < DEFAULT_MAX_PIXELS


def test_one_of_400_needs_between_3_and_4_gigabytes() -> None:
    assert 3e9 < decoding(header(23094, 17320)) < 4e9


def test_largest_of_all_is_a_matter_of_the_limit_only() -> None:
    head = header(65535, 65535)
    assert tile_count(head) == 4096
    assert 30e9 < decoding(head) < 40e9
    assert decoding(head, View((0, 0, 100, 100))) < 3e9 and decoding(head, View(factor=8)) < 4e9


def test_one_huge_tile_is_the_dearest_of_all() -> None:
    assert decoding(header(16384, 16384, tile=WHOLE)) > 30e9
    assert decoding(header(16384, 16384)) < 3e9


def test_alpha_and_other_codings_count() -> None:
    plain = header(4000, 3000)
    assert decoding(replace(plain, layout=Layout.RGBA)) == decoding(plain) + 8 * 12_000_000
    assert plain_bytes(plain.width * plain.height) == 16 * 12_000_000


def test_wider_models_take_more() -> None:
    grid = TileGrid(4000, 3000, AUTOMATIC_SIDE)
    for field in ("latent_channels", "width_1", "width_8", "width_16"):
        wider: dict[str, Any] = {field: 4096}
        wide = replace(CONFIG, **wider)
        assert encoding_bytes(grid, wide) > 2 * encoding_bytes(grid, CONFIG)


def test_shared_analysis_keeps_all_latents() -> None:
    grid = TileGrid(4000, 3000, AUTOMATIC_SIDE)
    assert encoding_bytes(grid, CONFIG, shared=True) > encoding_bytes(grid, CONFIG) + 5 * 12_000_000


def test_effort_takes_memory() -> None:
    grid = TileGrid(1400, 1400)
    assert encoding_bytes(grid, CONFIG, refined=True) > encoding_bytes(grid, CONFIG) + 240 * 1400 * 1400
    assert encoding_bytes(grid, CONFIG, refined=True) < DEFAULT_MEMORY_LIMIT


def test_a_photograph_of_100_megapixels_may_be_refined_within_the_default_limits() -> None:
    assert encoding_bytes(TileGrid.of(header(11547, 8660)), CONFIG, refined=True) < DEFAULT_MEMORY_LIMIT


def test_strips_are_those_of_the_restoration_filter() -> None:
    low = TileGrid(16384, 128)
    assert encoding_bytes(low, replace(CONFIG, width_1=17)) - encoding_bytes(low, CONFIG) == 16 * 16384 * 128


def test_limit() -> None:
    Limits(memory=1000).check_memory(1000)
    with pytest.raises(LimitExceeded, match=r"takes 2\.0 MB of memory, more than the limit of 1\.0 MB"):
        Limits(memory=1_000_000).check_memory(2_000_000)
    with pytest.raises(LimitExceeded, match=r"takes 24\.0 kB of memory, more than the limit of 999 B"):
        Limits(memory=999).check_memory(24_000)
