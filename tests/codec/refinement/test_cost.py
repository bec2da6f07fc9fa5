"""What the search believes of the rate, against what is true."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.refinement.cost import RateDistortion, SymbolCosts
from cnncompress.codec.refinement.distortion import Distortion
from cnncompress.entropy.coder import EntropyModel, SymbolEncoder
from cnncompress.model.weights import Weights
from cnncompress.units import Hundredths

Pixels = NDArray[np.uint8]
QUALITY = Hundredths(40_00)


@pytest.fixture(scope="module")
def costs(weights: Weights) -> SymbolCosts:
    return SymbolCosts(weights.tables)


def test_bits_of_symbols_are_those_of_the_coder(costs: SymbolCosts, pipeline: ImagePipeline, coffee: Pixels) -> None:
    latents = pipeline.transform.encode(coffee[100:228, 200:392], QUALITY)
    y, z = costs.bits(latents.y, latents.y_levels), costs.bits(latents.z, latents.z_levels)
    assert y.shape == latents.y.shape and (y > 0).all()
    assert float(y.sum() + z.sum()) == pytest.approx(8 * len(pipeline.pack(latents)), rel=0.002, abs=64)


@pytest.mark.parametrize("level", [0, 20, 63])
def test_bits_of_escapes_are_about_those_of_the_coder(costs: SymbolCosts, weights: Weights, level: int) -> None:
    model, radius = EntropyModel(weights.tables), int(weights.tables.radii[level])
    for beyond in (1, 2, 9):
        if radius + beyond > costs.limit:
            continue
        symbols = np.full(400, radius + beyond, dtype=np.int32)
        levels = np.full(400, level, dtype=np.uint8)
        encoder = SymbolEncoder(model)
        encoder.push(symbols, levels)
        expected = 8 * len(encoder.to_bytes()) / 400
        assert costs.bits(symbols, levels)[0] == pytest.approx(expected, abs=2.5)


def test_changes_of_bits_are_differences(costs: SymbolCosts) -> None:
    symbols = np.tile(np.array([0, 1, -3, 40]), (64, 1))
    levels = np.arange(64, dtype=np.uint8)[:, None].repeat(4, axis=1)
    steps, here = costs.steps(symbols, levels), costs.bits(symbols, levels)
    np.testing.assert_allclose(steps.down, costs.bits(symbols - 1, levels) - here, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(steps.up, costs.bits(symbols + 1, levels) - here, rtol=1e-4, atol=1e-5)


def test_symbols_beyond_all_tables_are_taken_for_the_first_beyond(costs: SymbolCosts) -> None:
    levels = np.array([0, 63], np.uint8)
    for sign in (-1, 1):
        first, far = (np.full(2, sign * magnitude) for magnitude in (costs.limit, 1 << 20))
        assert np.array_equal(costs.bits(far, levels), costs.bits(first, levels))
        steps = costs.steps(far, levels)
        assert not (steps.down if sign > 0 else steps.up).any()


def test_cost_is_lambda_times_error_plus_rate() -> None:
    original = np.full((4, 5, 3), 100, np.uint8)
    measure = RateDistortion(0.5, Distortion(original, 0.0))
    assert measure.of(b"x" * 10, measure.distortion.of(original)) == pytest.approx(80 / 20)
    assert measure.of(b"", measure.distortion.of(original + 2)) == pytest.approx(0.5 * 4)
    assert measure.bits == pytest.approx(0.5 * 20)
