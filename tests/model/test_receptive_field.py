"""Margins of windows between layers, and whole cells; tests/nn/test_margins.py proves the reach by gradients."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cnncompress.model.config import ModelConfig
from cnncompress.model.receptive_field import (
    CONVOLUTION,
    RESIDUAL_BLOCK,
    Cut,
    Layer,
    Margin,
    Margins,
    analysis_margin,
    analysis_reach,
    needed_margins,
    padded_size,
)


def test_margins_between_layers() -> None:
    layers = [CONVOLUTION, Layer(up=2), RESIDUAL_BLOCK, Layer(down=4), CONVOLUTION]
    assert needed_margins(layers) == (4, 3, 6, 4, 1, 0)
    assert needed_margins(layers, 1)[-2:] == (2, 1)
    assert needed_margins([]) == (0,)


def test_what_has_seen_a_wrong_zero_goes() -> None:
    margins = Margins(Margin(4, False), Margin(4, True), Margin(1, True), Margin(0, True))
    kept = margins.after(reach=1, needed=3)
    assert kept == (Margin(3, False), Margin(3, False), Margin(1, True), Margin(0, True))
    assert margins.cut_to(kept) == Cut(1, 1, 0, 0)
    assert margins.cut_to(kept).slices(20, 30) == (slice(1, 20), slice(1, 30))


def test_margins_on_another_grid() -> None:
    margins = Margins(left=Margin(3, False)).scaled(4, 1)
    assert margins == Margins(left=Margin(12, False))
    assert margins.scaled(1, 2).left == Margin(6, False)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_margin_of_the_analysis_in_whole_positions(blocks_1: int, blocks_8: int, blocks_16: int) -> None:
    config = replace(ModelConfig(), blocks_1=blocks_1, blocks_8=blocks_8, blocks_16=blocks_16)
    assert analysis_margin(config) % 16 == 0
    assert 0 <= analysis_margin(config) - analysis_reach(config) < 16


@given(st.integers(1, 70000), st.integers(1, 70000), st.integers(1, 128))
def test_padded_size_is_the_next_multiple(height: int, width: int, multiple: int) -> None:
    for side, padded in zip((height, width), padded_size(height, width, multiple), strict=True):
        assert padded % multiple == 0
        assert 0 <= padded - side < multiple
