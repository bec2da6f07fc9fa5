"""Scales refined by decoded symbols: the integer networks against the oracle, bit for bit, and their trainable twin."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch
from integer_oracle import context_levels, nats_to_levels, surprise
from torch import Tensor

from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS, SCALE_MIN, ModelConfig
from cnncompress.model.weights import Weights
from cnncompress.nn.integers import MAX_EXACT_INTEGER, nats_to_table
from cnncompress.nn.scale_context import (
    MAGNITUDES,
    MAX_SURPRISE,
    IntegerScaleContext,
    Part,
    ScaleContext,
    coding_parts,
    surprise_tables,
)

Threads = Callable[[int], AbstractContextManager[None]]

CONFIG = ModelConfig(latent_channels=40, hyper_channels=6, scale_context_width=12, lambdas=(0.001, 0.01, 0.1))
BATCH, ROWS, COLUMNS = 2, 5, 4


def trained(seed: int = 0) -> ScaleContext:
    """A context of random weights that moves the levels well about."""
    torch.manual_seed(seed)
    context = ScaleContext(CONFIG)
    with torch.no_grad():
        for number in range(1, len(context.parts)):
            context.layers(number)[2].weight.normal_(0.0, 0.5)
    return context


def exact(context: ScaleContext) -> IntegerScaleContext:
    network = IntegerScaleContext(CONFIG)
    network.load_state_dict(context.to_integers())
    return network


def numbers(network: IntegerScaleContext) -> dict[str, np.ndarray]:
    return {key: tensor.numpy().astype(np.int64) for key, tensor in network.state_dict().items()}


def walk(seed: int = 1) -> Iterator[tuple[int, Part, Tensor, Tensor]]:
    """Number, part, nats (float64 integers) and symbols; both go beyond the ends of their tables."""
    generator = torch.Generator().manual_seed(seed)
    for number, part in enumerate(coding_parts(CONFIG.bands)):
        shape = (BATCH, part.size, ROWS, COLUMNS)
        nats = torch.randint(-(1 << 24), 9 << 24, shape, generator=generator).double()
        sizes = torch.exp(6.0 * torch.rand(shape, generator=generator))
        yield number, part, nats, (torch.randn(shape, generator=generator) * sizes).int()


def test_parts_cover_the_latent_in_order() -> None:
    for bands in ((4,), (8,), (40,), (192,), (320,), (4, 4), (40, 100), (320, 192)):
        parts, channels = coding_parts(bands), sum(bands)
        assert [part.step for part in parts] == sorted(part.step for part in parts) and len(parts) == 16
        covered = torch.cat([torch.arange(4 * channels)[part.in_latent] for part in parts])
        assert torch.equal(covered, torch.arange(4 * channels))
        for part in parts:
            assert part.size > 0
            assert part.in_latent.start - part.in_step.start == part.step * channels
    assert [part.size for part in coding_parts((320,))[:4]] == [8, 16, 56, 240]
    assert [part.size for part in coding_parts((320, 192))[:4]] == [8, 16, 56, 432]


def test_equals_the_oracle(threads: Threads) -> None:
    network = exact(trained())
    parameters = numbers(network)
    assert max(network.accumulator_bounds().values()) < MAX_EXACT_INTEGER // 2
    seen: list[Tensor] = []
    known: list[np.ndarray] = []
    moved = []
    for number, _, nats, symbols in walk():
        whole = nats.numpy().astype(np.int64)
        expected = context_levels(parameters, number, whole, known)
        for count in (1, 2):
            with threads(count):
                assert (network(number, nats, seen).numpy() == expected).all()
        last = [x.contiguous(memory_format=torch.channels_last) for x in (nats, *seen)]
        assert (network(number, last[0], last[1:]).numpy() == expected).all()
        for one in range(BATCH):
            alone = network(number, nats[one : one + 1], [x[one : one + 1] for x in seen])
            assert (alone.numpy() == expected[one : one + 1]).all()
        moved.append((expected != nats_to_levels(whole)).mean())
        seen.append(network.surprise(symbols, nats))
        known.append(surprise(parameters, symbols.numpy().astype(np.int64), whole))
        assert (seen[-1].numpy() == known[-1]).all()
    assert moved[0] == 0.0 and min(moved[1:]) > 0.2, "the case says nothing: the context hardly matters"


def test_trainable_twin_agrees() -> None:
    context = trained(3)
    network = exact(context)
    seen: list[Tensor] = []
    real: list[Tensor] = []
    for number, _, nats, symbols in walk(4):
        smooth = (nats * 2.0**-24).float()
        with torch.no_grad():
            table = nats_to_table(context(number, smooth, real, simulate_integers=True), simulate_integers=True)
        levels = network(number, nats, seen)
        assert (table * LEVELS_PER_NAT == levels).double().mean() > 0.999
        seen.append(network.surprise(symbols, nats))
        real.append(context.surprise(symbols.float(), smooth))
        assert torch.equal((real[-1].double() * 1024).round(), seen[-1])


def test_an_untrained_context_changes_nothing() -> None:
    context = ScaleContext(CONFIG)
    network = exact(context)
    seen: list[Tensor] = []
    for number, _, nats, symbols in walk():
        assert (network(number, nats, seen).numpy() == nats_to_levels(nats.numpy().astype(np.int64))).all()
        seen.append(network.surprise(symbols, nats))


def test_gradients_reach_every_layer_and_the_nats_but_no_symbol() -> None:
    context = trained()
    surprises: list[Tensor] = []
    total = torch.zeros(())
    leaves = []
    for number, _, nats, symbols in walk():
        own, values = (nats * 2.0**-24).float().requires_grad_(), symbols.float().requires_grad_()
        total = total + context(number, own, surprises, True).square().sum()
        surprises.append(context.surprise(values, own))
        leaves.append((own, values))
    total.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in context.parameters())
    assert all(own.grad is not None and values.grad is None for own, values in leaves)


def test_integers_come_back() -> None:
    context, other = trained(), trained(9)
    other.load_integers(context.to_integers())
    state = context.to_integers()
    assert all(torch.equal(state[key], value) for key, value in other.to_integers().items())


def test_surprise_tables() -> None:
    magnitude, expected = surprise_tables()
    assert (len(magnitude), len(expected)) == (MAGNITUDES, SCALE_LEVELS)
    assert magnitude.tolist() == [math.floor(1024 * math.log1p(k) + 0.5) for k in range(MAGNITUDES)]
    assert (expected.diff() >= 0).all() and expected[0] < 3 and expected[-1] > 4000
    generator = np.random.default_rng(1)
    for level in (10, 20, 35, 50):
        symbols = np.rint(generator.normal(0.0, SCALE_MIN * math.exp(level / LEVELS_PER_NAT), 200_000))
        assert expected[level] / 1024 == pytest.approx(np.log1p(abs(symbols)).mean(), abs=0.01)


def test_bounds_count_every_parameter() -> None:
    network = IntegerScaleContext(CONFIG)
    weights = {name for name, _ in network.named_buffers() if "weight" in name}
    assert network.accumulator_bounds() == dict.fromkeys(weights, 0) and len(weights) == 3 * 15
    network.get_buffer("stem_weight_2")[3, 1] = -5
    network.get_buffer("stem_bias_2")[3] = 7
    network.get_buffer("middle_weight_15")[0, 2] = 2
    bounds = network.accumulator_bounds()
    assert (bounds["stem_weight_2"], bounds["middle_weight_15"]) == (5 * MAX_SURPRISE + 7, 9 * 2 * ((1 << 14) - 1))
    assert network.surprise_bound() == 0
    network.get_buffer("magnitude")[255] = 100
    network.get_buffer("expected")[0] = -30
    assert network.surprise_bound() == 130


def test_shipped_model_is_within_its_bounds(weights: Weights) -> None:
    context = weights.scales.context
    assert context.surprise_bound() < MAX_SURPRISE
    for name, table in zip(("magnitude", "expected"), surprise_tables(), strict=True):
        assert torch.equal(context.get_buffer(name), table)
