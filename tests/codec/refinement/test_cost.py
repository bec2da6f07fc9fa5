"""What the search believes, against what is true: bits of symbols, and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnncompress.codec.latents import LatentTransform, Quantised
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.refinement import gradient
from cnncompress.codec.refinement.cost import RateDistortion, SymbolCosts
from cnncompress.codec.refinement.gradient import CostGradient, RateSlopes, Surroundings, twin_of
from cnncompress.entropy.coder import EntropyModel, SymbolEncoder
from cnncompress.model.receptive_field import Margin, Margins
from cnncompress.model.weights import Weights
from cnncompress.nn.stored import network_of
from cnncompress.units import Hundredths

Pixels = NDArray[np.uint8]
QUALITY = Hundredths(40_00)


@pytest.fixture(scope="module")
def costs(weights: Weights) -> SymbolCosts:
    return SymbolCosts(weights.tables, torch.device("cpu"))


def test_bits_of_symbols_are_those_of_the_coder(costs: SymbolCosts, pipeline: ImagePipeline, coffee: Pixels) -> None:
    latents = pipeline.transform.encode(torch.tensor(coffee[100:228, 200:392]), QUALITY)
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
        assert float(costs.bits(torch.tensor([radius + beyond]), torch.tensor([level]))) == pytest.approx(
            expected, abs=2.5
        )


def test_changes_of_bits_are_differences(costs: SymbolCosts) -> None:
    symbols = torch.tensor([0, 1, -3, 40]).repeat(64, 1)
    levels = torch.arange(64, dtype=torch.uint8)[:, None].expand(-1, 4)
    steps, here = costs.steps(symbols, levels), costs.bits(symbols, levels)
    torch.testing.assert_close(steps.down, costs.bits(symbols - 1, levels) - here)
    torch.testing.assert_close(steps.up, costs.bits(symbols + 1, levels) - here)
    # Nothing lies beyond the first and the last level.
    narrower, wider = (costs.bits(symbols, (levels.int() + change).clamp(0, 63)) for change in (-1, 1))
    torch.testing.assert_close(costs.widening(symbols, levels), 0.5 * (wider - narrower))


def test_symbols_beyond_all_tables_are_taken_for_the_first_beyond(costs: SymbolCosts) -> None:
    levels = torch.tensor([0, 63], dtype=torch.uint8)
    for sign in (-1, 1):
        first, far = (torch.full((2,), sign * magnitude) for magnitude in (costs.limit, 1 << 20))
        assert torch.equal(costs.bits(far, levels), costs.bits(first, levels))
        assert torch.equal(costs.widening(far, levels), costs.widening(first, levels))
        steps = costs.steps(far, levels)
        assert not (steps.down if sign > 0 else steps.up).any()


def test_cost_is_lambda_times_error_plus_rate() -> None:
    original = torch.full((4, 5, 3), 100, dtype=torch.uint8)
    measure = RateDistortion(0.5, original)
    assert measure.of(b"x" * 10, original) == pytest.approx(80 / 20)
    assert measure.of(b"", original + 2) == pytest.approx(0.5 * 4)
    # One value off by the whole range, in bits of the whole image.
    assert measure.bits_per_square == pytest.approx(0.5 * 255**2 / 3)


class Case:
    """An image with its symbols, and the gradient there in float32."""

    def __init__(self, pipeline: ImagePipeline, weights: Weights, pixels: Pixels) -> None:
        self.transform = pipeline.transform
        self.original = torch.tensor(pixels)
        self.size = (pixels.shape[0], pixels.shape[1])
        target = self.transform.analyse(self.original, QUALITY)
        self.coded = self.transform.quantise(target, QUALITY, self.size)
        twin = twin_of(weights.scales, torch.device("cpu"))
        whole = Surroundings(self.coded.y_hat, Margins())
        self.gradient = CostGradient(self.transform, twin, self.original, whole, QUALITY, 100.0)

    def error(self, decoded: Tensor) -> float:
        """Squared error of what the synthesis makes of a latent in coding order."""
        network = self.transform.network
        y_hat = network.partition.merge(list(decoded.split(1)))
        x_hat = network.synthesise(y_hat, self.transform.position(QUALITY))[0].clamp(0, 1).permute(1, 2, 0)
        return float((x_hat[: self.size[0], : self.size[1]] - self.original / 255.0).double().square().sum())

    def pixels(self) -> Tensor:
        """What a decoder makes of the symbols."""
        return self.transform.synthesise(self.coded.y_hat, *self.size, QUALITY)


@pytest.fixture(scope="module")
def case(pipeline: ImagePipeline, weights: Weights, coffee: Pixels) -> Case:
    return Case(pipeline, weights, np.ascontiguousarray(coffee[130:190, 210:330]))


@pytest.fixture(scope="module")
def unrestored_case(weights: Weights, coffee: Pixels) -> Case:
    """With a restoration filter that changes nothing, and gradients in float32."""
    network = network_of(weights)
    for parameter in network.g_s.restoration.body[-1].parameters():
        parameter.zero_()
    transform = LatentTransform(network, weights.scales, torch.device("cpu"))
    pipeline = ImagePipeline(transform, EntropyModel(weights.tables))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradient, "bfloat16_is_fast", lambda device: False)
        return Case(pipeline, weights, np.ascontiguousarray(coffee[130:190, 210:330]))


def decoded_of(coded: Quantised) -> Tensor:
    return coded.means + coded.deltas * coded.latents.y


@pytest.mark.parametrize("linear", [True, False], ids=["linear path", "network"])
def test_the_gradient_leads_to_smaller_errors(case: Case, linear: bool) -> None:
    """Though it leaves out what the restoration filter does with a change, and maybe what the network does."""
    gradient, decoded = case.gradient(case.coded, case.pixels(), linear=linear).y, decoded_of(case.coded)
    for length in (0.01, 0.1):  # of a symbol, for those that matter most
        step = length * case.coded.deltas * gradient / gradient.abs().max()
        errors = [case.error(decoded + sign * step) for sign in (-1, 0, 1)]
        assert errors[0] < errors[1] < errors[2]


def test_gradient_and_curvature_tell_what_a_step_does_to_the_error(unrestored_case: Case) -> None:
    """Random steps of many symbols: first order from the gradient, and on average second order from the curvature."""
    case = unrestored_case
    generator = torch.Generator().manual_seed(0)
    gradient = case.gradient(case.coded).y
    decoded = decoded_of(case.coded)
    direction = torch.randn(decoded.shape, generator=generator)

    def errors(size: float) -> tuple[float, float]:
        step = size * case.coded.deltas * direction
        less, more = (100.0 * case.error(decoded + sign * step) for sign in (-1, 1))
        return less, more

    less, more = errors(size := 0.01)  # small enough for the third order not to count
    slope = float((gradient * direction).sum())
    scale = float((gradient.square().sum()).sqrt())
    assert (more - less) / (2 * size) == pytest.approx(slope, abs=0.1 * scale)

    less, more = errors(size := 0.05)
    here = 100.0 * case.error(decoded)
    second_order = (more + less - 2 * here) / (2 * size**2)
    curvature = float((case.gradient.curvature() * (case.coded.deltas * direction).square()).sum())
    assert second_order == pytest.approx(curvature, rel=0.4)


def test_known_pixels_give_about_the_same_gradient(case: Case) -> None:
    """They are rounded to 8 bits, and what comes without them to bfloat16."""
    without, known = (case.gradient(case.coded, pixels).y for pixels in (None, case.pixels()))
    assert not torch.equal(known, without)
    assert float((known - without).norm()) < 0.05 * float(without.norm())


def test_without_pixels_the_network_is_seen_anyway(case: Case) -> None:
    assert torch.equal(case.gradient(case.coded, linear=True).y, case.gradient(case.coded).y)


def test_the_linear_path_tells_much_of_the_gradient(case: Case) -> None:
    linear, whole = (case.gradient(case.coded, case.pixels(), linear=linear).y for linear in (True, False))
    assert not torch.equal(linear, whole)
    assert float(torch.cosine_similarity(linear.flatten(), whole.flatten(), dim=0)) > 0.7


def test_only_what_is_seen_counts(case: Case) -> None:
    gradients = case.gradient(case.coded)
    assert not gradients.z.any() and not gradients.surprise.any()
    zeros = torch.zeros_like(gradients.y)
    with_nothing = case.gradient(case.coded, slopes=RateSlopes(zeros, zeros))
    assert torch.equal(with_nothing.y, gradients.y) and not with_nothing.z.any()
    ones = torch.ones_like(zeros)
    with_all = case.gradient(case.coded, slopes=RateSlopes(ones, ones))
    assert with_all.z.any() and with_all.surprise.any()


def test_gradient_of_levels_tells_what_surprises_do(pipeline: ImagePipeline, weights: Weights, coffee: Pixels) -> None:
    """Larger symbols widen the scales of the parts after theirs, by about as much as the gradient says."""
    case = Case(pipeline, weights, np.ascontiguousarray(coffee[100:228, 200:392]))
    latents = case.coded.latents
    zeros = torch.zeros(latents.y.shape)
    found = case.gradient(case.coded, slopes=RateSlopes(zeros, torch.ones_like(zeros))).surprise
    number = 2  # of 16: many symbols, few of them zero
    part = weights.scales.parts[number]

    def levels_with(added: int) -> float:
        walk = case.transform.scale_walk(latents.z, QUALITY)
        for index, each in enumerate(walk.parts()):
            walk.levels()
            own = latents.y.flatten(0, 1)[each.in_latent]
            walk.add((own + added * own.sign() if index == number else own).numpy())
        return float(walk.coded()[1].astype(float).sum())

    own = latents.y.flatten(0, 1)[part.in_latent]
    gained = torch.log1p((own + own.sign()).abs()) - torch.log1p(own.abs())
    predicted = float((found.flatten(0, 1)[part.in_latent] * gained).sum())
    actual = levels_with(1) - levels_with(0)
    assert predicted == pytest.approx(actual, rel=0.5)


def test_surroundings_stay_as_they_are() -> None:
    window = torch.arange(60.0).view(1, 1, 6, 10)
    margins = Margins(Margin(2, False), Margin(1, False), Margin(3, True), Margin(0, True))
    core = torch.full((1, 1, 5, 5), -1.0)
    put = Surroundings(window, margins).around(core)
    expected = window.clone()
    expected[..., 1:6, 2:7] = -1.0
    assert torch.equal(put, expected)
    assert Surroundings(window, Margins()).around(core) is core
