"""Probability tables: integers that add up, near the Gaussian, moved by counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cnncompress.entropy.tables import (
    MAX_RADIUS,
    TOTAL,
    ScaleTables,
    build_tables,
    gaussian_mass,
    integer_weights,
    level_scale,
    table_radius,
)
from cnncompress.errors import InvalidModel
from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS, SCALE_MIN

NO_COUNTS = np.zeros((SCALE_LEVELS, 2 * MAX_RADIUS + 1), dtype=np.int64)


@pytest.fixture(scope="module")
def gaussian() -> ScaleTables:
    return build_tables(NO_COUNTS)


def test_tables_are_whole(gaussian: ScaleTables) -> None:
    tables = gaussian.split()
    assert len(tables) == SCALE_LEVELS
    for level, (radius, table) in enumerate(zip(gaussian.radii, tables, strict=True)):
        assert radius == table_radius(level) and len(table) == 2 * radius + 2
        assert table.min() >= 1 and int(table.sum(dtype=np.int64)) == TOTAL
        symbols = table[:-1]
        # Both signs have the same weight; what rounding leaves over goes to one symbol.
        assert np.sort(np.abs(symbols - symbols[::-1]))[-3] <= 1
        assert np.abs(symbols - symbols[::-1]).max() <= len(table)
        assert (np.diff(symbols[radius:]) <= 0).all(), "larger symbols are not likelier"


def test_scales_and_radii() -> None:
    scales = [level_scale(level) for level in range(SCALE_LEVELS)]
    assert scales[0] == SCALE_MIN and scales[LEVELS_PER_NAT] == pytest.approx(math.e * SCALE_MIN)
    radii = [table_radius(level) for level in range(SCALE_LEVELS)]
    assert radii == sorted(radii)
    assert radii[0] >= 3 and radii[-1] <= MAX_RADIUS
    assert all(radius >= min(MAX_RADIUS, 7 * scale) for radius, scale in zip(radii, scales, strict=True))


@pytest.mark.parametrize("level", [0, 17, 40, SCALE_LEVELS - 1])
def test_gaussian_tables_waste_nothing(gaussian: ScaleTables, level: int) -> None:
    """Coding what the Gaussian predicts costs its entropy, to a thousandth of a bit."""
    radius = table_radius(level)
    mass = gaussian_mass(level, radius)
    assert mass.sum() == pytest.approx(1.0)
    probability = gaussian.split()[level] / TOTAL
    known = mass > 1e-12
    divergence = np.sum(mass[known] * np.log2(mass[known] / probability[known]))
    assert abs(divergence) < 1e-3


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=300).filter(lambda mass: sum(mass) > 1e-3))
def test_integer_weights(values: list[float]) -> None:
    mass = np.array(values)
    weights = integer_weights(mass)
    assert weights.dtype == np.int32 and weights.min() >= 1 and int(weights.sum(dtype=np.int64)) == TOTAL
    expected = mass / mass.sum() * TOTAL
    assert np.abs(weights - expected).max() <= 2 * len(mass)


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(0, 63), st.integers(-MAX_RADIUS, MAX_RADIUS), st.integers(1, 10**7)), max_size=20)
)
def test_any_counts_make_sound_tables(entries: list[tuple[int, int, int]]) -> None:
    counts = NO_COUNTS.copy()
    for level, symbol, times in entries:
        counts[level, symbol + MAX_RADIUS] += times
    tables = build_tables(counts)  # checks itself
    for table in tables.split():
        # What rounding leaves over goes to one symbol, at most one unit for each entry.
        assert np.abs(table[:-1] - table[-2::-1]).max() <= len(table)


def test_counts_move_the_tables(gaussian: ScaleTables) -> None:
    counts = NO_COUNTS.copy()
    level, radius = 20, table_radius(20)
    counts[level, MAX_RADIUS + 2] = 100_000
    counts[level, 0] = 1000  # -2047, far beyond the radius: an escape
    counted = build_tables(counts).split()
    before = gaussian.split()
    for other in range(SCALE_LEVELS):
        assert np.array_equal(counted[other], before[other]) == (other != level)
    share = counted[level] / TOTAL
    assert share[radius + 2] == pytest.approx(0.485, abs=0.01)
    assert share[radius - 2] == pytest.approx(share[radius + 2], abs=1e-5)
    assert share[-1] == pytest.approx(0.01, abs=0.001)
    assert counted[level][radius] < before[level][radius]


def test_a_few_counts_hardly_move_the_tables(gaussian: ScaleTables) -> None:
    counts = NO_COUNTS.copy()
    counts[:, MAX_RADIUS + 1] = 3
    for before, after in zip(gaussian.split(), build_tables(counts).split(), strict=True):
        assert np.abs(before - after).max() < 0.003 * TOTAL


def broken(gaussian: ScaleTables, kind: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    radii, weights = gaussian.radii.copy(), gaussian.weights.copy()
    match kind:
        case "sum":
            weights[5] += 1
        case "sums of two tables that make up for each other":
            weights[5] += 1
            weights[-5] -= 1
        case "zero":
            weights[0] -= 1
            weights[1] += 1
        case "negative":
            weights[0] -= 2
            weights[1] += 2
        case "length":
            weights = weights[:-1]
        case "empty":
            weights = weights[:0]
        case "levels":
            radii = radii[:-1]
        case "radius zero":
            radii[0] = 0
        case "radius":
            radii[-1] = MAX_RADIUS + 1
        case "boundary":
            radii[0] += 1
            radii[1] -= 1
    return radii, weights


@pytest.mark.parametrize(
    "kind",
    [
        "sum",
        "sums of two tables that make up for each other",
        "zero",
        "negative",
        "length",
        "empty",
        "levels",
        "radius zero",
        "radius",
        "boundary",
    ],
)
def test_broken_tables_are_refused(gaussian: ScaleTables, kind: str) -> None:
    radii, weights = broken(gaussian, kind)
    with pytest.raises(InvalidModel, match="table") as caught:
        ScaleTables(radii, weights)
    assert "\n" not in str(caught.value)
    ScaleTables(*broken(gaussian, "nothing"))
