"""Gradients of the cost, through the linear path and through the networks, against what changes really do."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import torch
from coding import pipeline_of
from numpy.typing import NDArray

from cnncompress.codec.latents import LatentTransform
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.refinement import network_gradient
from cnncompress.codec.refinement.cost import RateDistortion
from cnncompress.codec.refinement.gradient import Gradients, LinearGradient, RateSlopes, Surroundings
from cnncompress.codec.refinement.network_gradient import DifferentiableModel, NetworkGradient
from cnncompress.engines.torch import TorchEngine
from cnncompress.entropy.coder import EntropyModel
from cnncompress.entropy.scale_walk import ScaleWalk
from cnncompress.model.receptive_field import Margin, Margins
from cnncompress.model.weights import Weights
from cnncompress.nn.network import CodecNetwork
from cnncompress.nn.quality import quality_position
from cnncompress.nn.stored import network_of
from cnncompress.units import Hundredths

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
QUALITY = Hundredths(40_00)
BITS_PER_SQUARE = 100.0


class Case:
    """An image with its symbols, and the gradients there."""

    def __init__(self, pipeline: ImagePipeline, weights: Weights, pixels: Pixels) -> None:
        self.transform = pipeline.transform
        self.coded = self.transform.quantise(self.transform.analyse(pixels, QUALITY), QUALITY)
        engine = self.transform.engine
        self.means, self.deltas = (engine.fetched(x)[0] for x in (self.coded.walk.means(), self.coded.walk.deltas()))
        self.decoded = self.means + self.deltas * self.coded.latents.y
        self.original = pixels
        self.pixels = self.transform.synthesise(self.coded.y_hat, pixels.shape[0], pixels.shape[1], QUALITY)
        measure = RateDistortion(BITS_PER_SQUARE * 3 / 255**2, pixels)
        whole = Surroundings(self.coded.y_hat, Margins())
        model = DifferentiableModel(weights, engine)
        self.network: CodecNetwork = model.network
        self.linear = LinearGradient(engine, measure, QUALITY)
        self.through_networks = NetworkGradient(model, engine, measure, whole, QUALITY)

    def error(self, decoded: Floats) -> float:
        """Squared error of what the synthesis makes of a latent in coding order, without rounding."""
        position = quality_position(torch.tensor([QUALITY / 100.0]), self.network.config.anchors)
        steps = torch.tensor(decoded, dtype=torch.float32)
        y_hat = self.network.partition.merge(list(steps.split(1)))
        x_hat = self.network.synthesise(y_hat, position)[0].clamp(0, 1).permute(1, 2, 0)
        height, width, _ = self.original.shape
        return float((x_hat[:height, :width] - torch.tensor(self.original) / 255.0).double().square().sum())

    def slopes(self, size: float) -> RateSlopes:
        """The same slopes for all symbols."""
        everywhere = np.full(self.decoded.shape, size, np.float32)
        return RateSlopes(everywhere, everywhere)

    def network_gradient(self, pixels: Pixels | None) -> Gradients:
        """That of the distortion alone."""
        return self.through_networks(self.coded, pixels, self.slopes(0.0))


def crop(coffee: Pixels) -> Pixels:
    return np.ascontiguousarray(coffee[130:190, 210:330])


@pytest.fixture(scope="module")
def case(pipeline: ImagePipeline, weights: Weights, coffee: Pixels) -> Case:
    return Case(pipeline, weights, crop(coffee))


@pytest.fixture(scope="module")
def unrestored_case(weights: Weights, coffee: Pixels) -> Case:
    """With a restoration filter that changes nothing, and gradients in float32."""
    network = network_of(weights)
    for parameter in network.g_s.restoration.body[-1].parameters():
        parameter.zero_()
    transform = LatentTransform(TorchEngine(network, torch.device("cpu")), weights.scales)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network_gradient, "bfloat16_is_fast", lambda device: False)
        return Case(ImagePipeline(transform, EntropyModel(weights.tables)), weights, crop(coffee))


@pytest.mark.parametrize("linear", [True, False], ids=["linear path", "network"])
def test_the_gradient_leads_to_smaller_errors(case: Case, linear: bool) -> None:
    """Though it leaves out what the restoration filter does with a change, and maybe what the network does."""
    gradient = (case.linear(case.coded, case.pixels) if linear else case.network_gradient(case.pixels)).y
    for length in (0.01, 0.1):  # of a symbol, for those that matter most
        step = length * case.deltas * gradient / np.abs(gradient).max()
        errors = [case.error(case.decoded + sign * step) for sign in (-1, 0, 1)]
        assert errors[0] < errors[1] < errors[2]


def test_gradient_and_curvature_tell_what_a_step_does_to_the_error(unrestored_case: Case) -> None:
    """Random steps of many symbols: first order from the gradient, and on average second order from the curvature."""
    case = unrestored_case
    gradient = case.network_gradient(None).y
    direction = np.random.default_rng(0).standard_normal(gradient.shape, np.float32)

    def errors(size: float) -> tuple[float, float]:
        step = size * case.deltas * direction
        less, more = (BITS_PER_SQUARE * case.error(case.decoded + sign * step) for sign in (-1, 1))
        return less, more

    less, more = errors(size := 0.01)  # small enough for the third order not to count
    slope = float((gradient * direction).sum())
    scale = float(np.sqrt(np.square(gradient).sum()))
    assert (more - less) / (2 * size) == pytest.approx(slope, abs=0.1 * scale)

    less, more = errors(size := 0.05)
    here = BITS_PER_SQUARE * case.error(case.decoded)
    second_order = (more + less - 2 * here) / (2 * size**2)
    curvature = float((case.linear.curvature() * np.square(case.deltas * direction)).sum())
    assert second_order == pytest.approx(curvature, rel=0.4)


def test_known_pixels_give_about_the_same_gradient(case: Case) -> None:
    """They are rounded to 8 bits, and what comes without them to bfloat16."""
    without, known = (case.network_gradient(pixels).y for pixels in (None, case.pixels))
    assert not np.array_equal(known, without)
    assert np.linalg.norm(known - without) < 0.05 * np.linalg.norm(without)


def test_the_linear_path_tells_much_of_the_gradient(case: Case) -> None:
    linear, whole = case.linear(case.coded, case.pixels), case.network_gradient(case.pixels)
    assert linear.surprise is None and linear.z is None
    cosine = (linear.y * whole.y).sum() / (np.linalg.norm(linear.y) * np.linalg.norm(whole.y))
    assert 0.7 < cosine < 1.0


def test_the_linear_gradient_is_that_of_either_engine(weights: Weights, case: Case, coffee: Pixels) -> None:
    assert case.transform.engine.name == "ncnn"
    other = Case(pipeline_of(weights, "torch"), weights, crop(coffee))
    expected, found = other.linear(other.coded, case.pixels).y, case.linear(case.coded, case.pixels).y
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(case.linear.curvature(), other.linear.curvature(), rtol=1e-5)


def test_only_what_has_a_slope_counts(case: Case) -> None:
    nothing, everything = (case.through_networks(case.coded, case.pixels, case.slopes(size)) for size in (0.0, 1.0))
    assert nothing.z is not None and nothing.surprise is not None
    assert not nothing.z.any() and not nothing.surprise.any()
    assert everything.z is not None and everything.surprise is not None
    assert everything.z.any() and everything.surprise.any() and not np.array_equal(everything.y, nothing.y)


def test_gradient_of_levels_tells_what_surprises_do(pipeline: ImagePipeline, weights: Weights, coffee: Pixels) -> None:
    """Larger symbols widen the scales of the parts after theirs, by about as much as the gradient says."""
    case = Case(pipeline, weights, np.ascontiguousarray(coffee[100:228, 200:392]))
    latents = case.coded.latents
    slopes = RateSlopes(np.zeros(latents.y.shape, np.float32), np.ones(latents.y.shape, np.float32))
    found = case.through_networks(case.coded, case.pixels, slopes).surprise
    assert found is not None
    part = weights.scales.parts[2]  # of 16: many symbols, few of them zero
    own = latents.y[part.step, part.in_step]

    def levels_with(added: int) -> float:
        walk = ScaleWalk(weights.scales, latents.z, QUALITY)
        for each in walk.parts():
            walk.levels()
            symbols = latents.y[each.step, each.in_step]
            walk.add(symbols + added * np.sign(symbols) if each == part else symbols)
        return float(walk.coded()[1].astype(float).sum())

    gained = np.log1p(np.abs(own) + np.abs(np.sign(own))) - np.log1p(np.abs(own))
    predicted = float((found[part.step, part.in_step] * gained).sum())
    assert predicted == pytest.approx(levels_with(1) - levels_with(0), rel=0.5)


class BlankOnly:
    """As much of an engine as surroundings need."""

    def blank(self, height: int, width: int) -> Floats:
        return np.zeros((1, 1, height, width), np.float32)


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
