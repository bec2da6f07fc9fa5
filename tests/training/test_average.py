"""The average of a model's weights."""

from __future__ import annotations

import math

import pytest
import torch

from cnncompress.model.config import ModelConfig
from cnncompress.training.average import WeightAverage, decay_over
from cnncompress.training.hyperprior import HyperpriorModel


def test_average_moves_towards_the_model(tiny_config: ModelConfig) -> None:
    model = HyperpriorModel(tiny_config).to(memory_format=torch.channels_last)
    average = WeightAverage(model)
    average.decay = 0.75
    start = [parameter.detach().clone() for parameter in model.parameters()]
    assert all(torch.equal(*pair) for pair in zip(average.module.parameters(), start, strict=True))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    average.update_parameters(model)
    for own, before in zip(average.module.parameters(), start, strict=True):
        torch.testing.assert_close(own, before + 0.25)
        assert not own.requires_grad
    names = {f"module.{key}" for key in model.state_dict()}
    assert average.state_dict().keys() == names


def test_what_was_averaged_fades_with_time_however_many_steps() -> None:
    for steps in (60, 600, 6000):
        assert decay_over(60.0 / steps, 60.0) ** steps == pytest.approx(1 / math.e)
    assert decay_over(0.0, 60.0) == 1.0
    assert decay_over(30.0, 60.0) == decay_over(3600.0, 60.0) == pytest.approx(math.exp(-0.1)), "at least ten steps"
