"""A shipped model can be trained on."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from cnncompress.training.config import TrainConfig
from cnncompress.training.export import integer_scales
from cnncompress.training.loop import Trainer
from cnncompress.training.warm_start import trainable_model
from cnncompress.weights import load_weights


def test_the_shipped_model_comes_back() -> None:
    weights = load_weights(None)
    model = trainable_model(weights)
    for key, tensor in weights.network.state_dict().items():
        assert torch.equal(model.network.state_dict()[key], tensor), key
    exported = integer_scales(model).state_dict()
    for key, tensor in weights.scales.state_dict().items():
        # Weights have 14 fractional bits and come back exactly; biases have 24, of which float32 keeps the first 24.
        assert (exported[key].double() - tensor.double()).abs().max() <= tensor.abs().max() * 2.0**-23, key


def test_a_run_starts_from_it(train_images: dict[str, Tensor], tiny_run: TrainConfig, tmp_path: Path) -> None:
    fresh = Trainer(tiny_run, train_images, {}, torch.device("cpu"))
    fresh.run(60, tmp_path / "a.pt", max_steps=1)
    start = fresh.model
    run = Trainer(tiny_run, train_images, {}, torch.device("cpu"), start=start)
    before = {key: tensor.clone() for key, tensor in start.state_dict().items()}
    assert all(torch.equal(tensor, before[key]) for key, tensor in run.model.state_dict().items())
    run.run(60, tmp_path / "b.pt", max_steps=1)
    assert any(not torch.equal(tensor, before[key]) for key, tensor in run.model.state_dict().items())
