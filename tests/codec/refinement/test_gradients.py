"""The gradient and the curvature of the distortion, against what changes really do."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from coding import pipeline_of
from numpy.typing import NDArray

from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.refinement.cost import RateDistortion
from cnncompress.codec.refinement.distortion import Distortion
from cnncompress.codec.refinement.gradient import DistortionGradient, Surroundings, luma_shares
from cnncompress.model.receptive_field import Margin, Margins
from cnncompress.model.weights import Weights
from cnncompress.units import Hundredths

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
QUALITY = Hundredths(40_00)


class Case:
    """An image with its symbols, and the gradient there."""

    def __init__(self, pipeline: ImagePipeline, weights: Weights, pixels: Pixels, share: float) -> None:
        transform = pipeline.transform
        self.engine = transform.engine
        self.coded = transform.quantise(transform.analyse(pixels[None], QUALITY), QUALITY)
        self.size = (pixels.shape[0], pixels.shape[1])
        (self.pixels,) = transform.synthesise(self.coded.y_hat, *self.size, QUALITY)
        self.measure = RateDistortion(0.01, Distortion(pixels, share))
        self.distortion = self.measure.distortion.of(self.pixels)
        klt = luma_shares(weights.network["g_s.klt"])
        self.gradient = DistortionGradient(self.engine, klt, self.measure, QUALITY)
        self.deltas = self.engine.to_numpy(self.coded.walk.deltas())[0]
        self.y_hat = self.engine.to_numpy(self.coded.y_hat)

    def error(self, step: Floats) -> float:
        """Bits that the distortion is worth after a change of the decoded latent, in coding order."""
        y_hat = self.y_hat + self.engine.to_numpy(self.engine.merge(self.engine.from_numpy(step[None])))
        height, width = self.size
        decoded = self.engine.synthesise(self.engine.from_numpy(y_hat), QUALITY)[0, :height, :width]
        return self.measure.bits * self.measure.distortion.of(decoded).value


@pytest.fixture(scope="module", params=[0.0, 0.75], ids=["squares", "mix"])
def case(request: pytest.FixtureRequest, pipeline: ImagePipeline, weights: Weights, coffee: Pixels) -> Case:
    return Case(pipeline, weights, np.ascontiguousarray(coffee[130:190, 210:330]), request.param)


def test_the_gradient_leads_to_smaller_errors(case: Case) -> None:
    """Though it leaves out what the network does with a change."""
    gradient = case.gradient(case.coded, case.distortion)
    for length in (0.1, 0.3):  # of a symbol, for those that matter most
        step = length * case.deltas * gradient / np.abs(gradient).max()
        errors = [case.error(sign * step) for sign in (-1, 0, 1)]
        assert errors[0] < errors[1] < errors[2]


def test_the_gradient_tells_the_slope_along_itself(case: Case) -> None:
    """Within a factor of three, since the network and the restoration filter are not seen."""
    gradient = case.gradient(case.coded, case.distortion)
    step = 0.3 * case.deltas * gradient / np.abs(gradient).max()
    slope = case.error(step) - case.error(-step)
    expected = 2 * float((gradient * step / case.deltas).sum())
    assert 1 / 3 < slope / expected < 3


def test_the_curvature_tells_what_random_steps_cost(case: Case) -> None:
    direction = np.random.default_rng(0).standard_normal(case.deltas.shape, np.float32)
    step = 0.3 * case.deltas * direction
    second_order = (case.error(step) + case.error(-step)) / 2 - case.error(0 * step)
    expected = float((case.gradient.curvature() * np.square(step)).sum())
    assert 0.4 < second_order / expected < 2.5


def test_either_engine_has_the_same_gradient(weights: Weights, case: Case) -> None:
    assert case.engine.name == "ncnn"
    original = case.measure.distortion.original
    share = 1.0 - case.measure.distortion.square_weight
    other = Case(pipeline_of(weights, "torch"), weights, original, share)
    expected, found = other.gradient(other.coded, case.distortion), case.gradient(case.coded, case.distortion)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(case.gradient.curvature(), other.gradient.curvature(), rtol=1e-4)


def test_coarse_scales_see_averages_alone(weights: Weights) -> None:
    shares = luma_shares(weights.network["g_s.klt"])
    assert shares.shape == (5, weights.config.latent_channels)
    assert (shares >= 0).all() and (shares[0] <= 1).all()
    assert (np.diff(shares, axis=0) <= 1e-6).all()


class BlankOnly:
    """As much of an engine as surroundings need."""

    def zeros(self, count: int, height: int, width: int) -> Floats:
        return np.zeros((count, 1, height, width), np.float32)


def test_surroundings_stay_as_they_are() -> None:
    window = np.arange(60.0, dtype=np.float32).reshape(1, 1, 6, 10)
    margins = Margins(Margin(2, False), Margin(1, False), Margin(3, True), Margin(0, True))
    core = np.full((1, 1, 5, 5), -1.0, np.float32)
    engine = cast(Any, BlankOnly())
    put = Surroundings(window, margins).around(core, engine)
    expected = window.copy()
    expected[..., 1:6, 2:7] = -1.0
    assert np.array_equal(put, expected)
    assert Surroundings(core, Margins()).around(core, engine) is core
