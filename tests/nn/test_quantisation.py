"""Quantisation steps by place."""

from __future__ import annotations

import math

import pytest
import torch

from cnncompress.entropy.parts import PARTS_OF_STEP, STEPS, coding_parts
from cnncompress.model.config import MAX_LOG_DELTA, ModelConfig
from cnncompress.nn.mean_context import StepPartition
from cnncompress.nn.quantisation import QuantisationSteps


def test_untrained_steps_are_one(tiny_config: ModelConfig) -> None:
    deltas = QuantisationSteps(tiny_config)(torch.randn(2, tiny_config.hyper_features, 3, 2))
    assert len(deltas) == STEPS
    for delta in deltas:
        assert delta.shape == (2, tiny_config.latent_channels, 3, 2)
        assert (delta == 1.0).all()


@pytest.mark.parametrize("bands", [(40,), (40, 8)])
def test_channels_of_a_group_share_the_step_of_their_position(bands: tuple[int, ...]) -> None:
    """In the order of the latent itself, the steps of a position differ between groups of channels alone."""
    config = ModelConfig(latent_channels=sum(bands), fine_channels=sum(bands[1:]), hyper_features=6)
    layer = QuantisationSteps(config)
    torch.manual_seed(0)
    torch.nn.init.normal_(layer.head.weight, std=0.2)
    with torch.no_grad():
        latent = StepPartition(bands).merge(list(layer(torch.randn(1, 6, 2, 3))))
    groups = [part.in_step for part in coding_parts(bands)[:PARTS_OF_STEP]]
    for channels in groups:
        assert (latent[:, channels] == latent[:, channels.start : channels.start + 1]).all()
    firsts = latent[0, [channels.start for channels in groups]]
    assert firsts.unique().numel() == firsts.numel()


def test_steps_are_bounded_and_find_their_way_back(tiny_config: ModelConfig) -> None:
    layer = QuantisationSteps(tiny_config)
    features = torch.ones(1, tiny_config.hyper_features, 1, 1)
    assert layer.head.bias is not None
    torch.nn.init.constant_(layer.head.bias, 9.0)
    deltas = torch.cat(layer(features))
    torch.testing.assert_close(deltas, torch.full_like(deltas, math.exp(MAX_LOG_DELTA)))
    deltas.sum().backward()
    gradient = layer.head.bias.grad
    assert gradient is not None and (gradient > 0).all()  # descent lowers them, back inside


def test_autocast_leaves_them_in_float32(tiny_config: ModelConfig) -> None:
    features = torch.randn(1, tiny_config.hyper_features, 1, 1).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert QuantisationSteps(tiny_config)(features)[0].dtype == torch.float32
