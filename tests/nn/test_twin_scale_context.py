"""Scales refined by decoded symbols: the trainable twin. Its integers are compared in test_scales."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from cnncompress.entropy.scale_context import CENTRE_LEVEL, MAGNITUDES
from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS, SCALE_MIN, ModelConfig
from cnncompress.model.weights import Weights
from cnncompress.nn.twin_scale_context import ScaleContext, surprise_table

CONFIG = ModelConfig(latent_channels=40, hyper_channels=6, scale_context_width=12, lambdas=(0.001, 0.01, 0.1))


def walk(context: ScaleContext, seed: int = 1) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Number, nats and symbols of each part; both go beyond the ends of their tables."""
    generator = torch.Generator().manual_seed(seed)
    for number, part in enumerate(context.parts):
        shape = (2, part.size, 5, 4)
        sizes = torch.exp(6.0 * torch.rand(shape, generator=generator))
        nats = 10.0 * torch.rand(shape, generator=generator) - 1.0
        yield number, nats, (torch.randn(shape, generator=generator) * sizes).round()


def test_an_untrained_context_changes_nothing() -> None:
    context = ScaleContext(CONFIG)
    surprises: list[Tensor] = []
    for number, nats, symbols in walk(context):
        for simulate in (False, True):
            assert torch.equal(context(number, nats, surprises, simulate), nats)
        surprises.append(context.surprise(symbols, nats))


def test_gradients_reach_every_layer_and_the_nats_but_no_symbol() -> None:
    torch.manual_seed(0)
    context = ScaleContext(CONFIG)
    surprises: list[Tensor] = []
    total = torch.zeros(())
    leaves = []
    with torch.no_grad():
        for number in range(1, 16):
            context.layers(number)[2].weight.normal_(0.0, 0.5)
    for number, nats, symbols in walk(context):
        nats.requires_grad_()
        symbols.requires_grad_()
        total = total + context(number, nats, surprises, True).square().sum()
        surprises.append(context.surprise(symbols, nats))
        leaves.append((nats, symbols))
    total.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in context.parameters())
    assert all(nats.grad is not None and symbols.grad is None for nats, symbols in leaves)


def test_surprise_table() -> None:
    table = surprise_table()
    assert table.shape == (SCALE_LEVELS, MAGNITUDES) and table.dtype == torch.int8
    assert (table[:, 1:] >= table[:, :-1]).all(), "larger symbols surprise more"
    assert (table[1:] <= table[:-1]).all(), "the wider the distribution, the less"
    generator = np.random.default_rng(1)
    for level in (10, 20, 35, 50):
        symbols = np.rint(generator.normal(0.0, SCALE_MIN * math.exp(level / LEVELS_PER_NAT), 200_000))
        expected = np.log1p(abs(symbols)).mean()
        for magnitude in (0, 1, 9):
            assert table[level, magnitude] / 32 == pytest.approx(np.log1p(magnitude) - expected, abs=0.017)
    assert [int(table[place]) for place in ((0, 0), (0, 255), (63, 0))] == [0, 127, -127], "what is beyond is clipped"


def test_surprises_are_looked_up() -> None:
    context = ScaleContext(CONFIG)
    nats = torch.tensor([-3.0, 1.0, 2.0, 99.0]).view(1, 4, 1, 1)
    symbols = torch.tensor([1.0, -2.0, 0.0, 1e6]).view(1, 4, 1, 1)
    places = [(0, 1), (8, 2), (16, 0), (63, 255)]
    found = context.surprise(symbols, nats).flatten() * 32
    assert found.tolist() == [int(surprise_table()[place]) for place in places]


def test_levels_are_seen_around_the_centre() -> None:
    """A part that copies its own level into its correction."""
    context = ScaleContext(ModelConfig(latent_channels=4, hyper_channels=4, scale_context_width=1, lambdas=(0.1, 1.0)))
    stem, middle, head = context.layers(1)
    with torch.no_grad():
        for layer in (stem, middle, head):
            layer.weight.zero_()
            layer.bias.zero_()  # type: ignore[union-attr]
        stem.weight[0, -1] = middle.weight[0, 0, 1, 1] = head.weight[0, 0] = 1.0
    nats = torch.tensor([2.0, 3.0, 4.0, 7.875]).view(1, 1, 2, 2)
    corrected = context(1, nats, [torch.zeros(1, 1, 2, 2)], True)
    expected = (nats * LEVELS_PER_NAT - CENTRE_LEVEL).clamp(min=0) / 32
    assert torch.equal(corrected - nats, expected)


def test_shipped_model_has_this_table(weights: Weights) -> None:
    assert (weights.scales.tensors["context.surprise"] == surprise_table().numpy()).all()
