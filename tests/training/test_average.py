"""The average of a model's weights."""

from __future__ import annotations

import torch

from cnncompress.model.config import ModelConfig
from cnncompress.training.average import WeightAverage
from cnncompress.training.hyperprior import HyperpriorModel


def test_average_moves_towards_the_model(tiny_config: ModelConfig) -> None:
    model = HyperpriorModel(tiny_config).to(memory_format=torch.channels_last)
    average = WeightAverage(model, decay=0.75)
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
