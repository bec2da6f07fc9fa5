"""What the search believes of the rate, against what is true."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cnncompress.codec.refinement.cost import RateDistortion, SymbolCosts
from cnncompress.codec.refinement.distortion import Distortion
from cnncompress.entropy.symbol_bits import SymbolBits
from cnncompress.model.weights import Weights

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def costs(weights: Weights) -> SymbolCosts:
    return SymbolCosts(weights.tables)


def test_changes_of_bits_are_differences(costs: SymbolCosts, weights: Weights) -> None:
    symbols = np.tile(np.array([0, 1, -3, 40]), (64, 1))
    levels = np.arange(64, dtype=np.uint8)[:, None].repeat(4, axis=1)
    bits_of, steps = SymbolBits(weights.tables), costs.steps(symbols, levels)
    here = bits_of(symbols, levels)
    np.testing.assert_allclose(steps.down, bits_of(symbols - 1, levels) - here, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(steps.up, bits_of(symbols + 1, levels) - here, rtol=1e-4, atol=1e-5)


def test_symbols_beyond_all_tables_are_taken_for_the_first_beyond(costs: SymbolCosts) -> None:
    levels = np.array([0, 63], np.uint8)
    for sign in (-1, 1):
        first, far = (np.full(2, sign * magnitude) for magnitude in (costs.limit, 1 << 20))
        assert np.array_equal(costs.steps(far, levels).up, costs.steps(first, levels).up)
        steps = costs.steps(far, levels)
        assert not (steps.down if sign > 0 else steps.up).any()


def test_cost_is_lambda_times_error_plus_rate() -> None:
    original = np.full((4, 5, 3), 100, np.uint8)
    measure = RateDistortion(0.5, Distortion(original, 0.0))
    assert measure.of(b"x" * 10, measure.distortion.of(original)) == pytest.approx(80 / 20)
    assert measure.of(b"", measure.distortion.of(original + 2)) == pytest.approx(0.5 * 4)
    assert measure.bits == pytest.approx(0.5 * 20)
