"""Bits of symbols, against the length of what the coder makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from cnncompress.entropy.coder import MAX_SYMBOL, EntropyModel, SymbolEncoder
from cnncompress.entropy.symbol_bits import SymbolBits
from cnncompress.entropy.tables import ScaleTables, build_tables, level_scale

COUNT = 20_000


@pytest.fixture(scope="module")
def tables() -> ScaleTables:
    return build_tables(np.zeros((64, 4095), np.int64))


@pytest.mark.parametrize("level", [0, 30, 63])
@pytest.mark.parametrize("escapes", [0.0, 0.1])
def test_bits_are_those_of_the_message(tables: ScaleTables, level: int, escapes: float) -> None:
    random = np.random.default_rng(level)
    symbols = np.rint(random.normal(0, level_scale(level), COUNT)).astype(np.int32)
    escaped = random.random(COUNT) < escapes
    magnitudes = tables.radii[level] + np.floor(np.exp(random.uniform(0, 10, COUNT))).astype(np.int32)
    symbols[escaped] = (np.where(random.random(COUNT) < 0.5, -1, 1) * magnitudes)[escaped]
    levels = np.full(COUNT, level, np.uint8)
    encoder = SymbolEncoder(EntropyModel(tables))
    encoder.push(symbols, levels)
    assert SymbolBits(tables)(symbols, levels).sum() == pytest.approx(8 * len(encoder.to_bytes()), rel=0.005, abs=64)


def test_largest_symbol_has_bits(tables: ScaleTables) -> None:
    symbols, levels = np.array([MAX_SYMBOL, -MAX_SYMBOL]), np.zeros(2, np.uint8)
    bits = SymbolBits(tables)(symbols, levels)
    assert np.isfinite(bits).all() and bits[0] == bits[1] > 40


def test_levels_broadcast(tables: ScaleTables) -> None:
    symbols, levels = np.arange(-3, 4), np.arange(64, dtype=np.uint8)[:, None]
    assert SymbolBits(tables)(symbols, levels).shape == (64, 7)
