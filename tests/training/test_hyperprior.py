"""The trainable model: noise in training, rounding in evaluation, and gradients everywhere; from a shipped one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cnncompress.model.config import ModelConfig
from cnncompress.model.weights import load_weights
from cnncompress.nn.stored import network_of
from cnncompress.training.config import TrainConfig
from cnncompress.training.export import integer_scales
from cnncompress.training.hyperprior import HyperpriorModel, HyperpriorOutput, trainable_model
from cnncompress.training.initialise import initialise
from cnncompress.training.loop import Trainer


@pytest.fixture
def model(tiny_config: ModelConfig) -> HyperpriorModel:
    """Initialised on made-up statistics, and then with its zero layers set to something."""
    torch.manual_seed(0)
    model = HyperpriorModel(tiny_config)
    mixing = torch.randn(768, 768, dtype=torch.float64) * torch.logspace(0, -3, 768, dtype=torch.float64)
    initialise(model, mixing @ mixing.T / 768)
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(0.0, 0.05)
    return model


@pytest.fixture
def x() -> Tensor:
    torch.manual_seed(1)
    return torch.nn.functional.interpolate(torch.rand(3, 3, 8, 16), scale_factor=8, mode="bilinear")


POSITION = torch.tensor([0.0, 1.3, 2.0])


@pytest.mark.parametrize("simulate_integers", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_shapes(model: HyperpriorModel, x: Tensor, training: bool, simulate_integers: bool) -> None:
    output = model.train(training)(x, POSITION, simulate_integers=simulate_integers)
    assert isinstance(output, HyperpriorOutput)
    assert output.x_hat.shape == x.shape
    assert output.y_bits.shape == output.z_bits.shape == (3,)
    assert (output.y_bits > 0).all() and (output.z_bits > 0).all()
    assert torch.isfinite(output.x_hat).all()


def test_training_is_noisy_and_evaluation_is_not(model: HyperpriorModel, x: Tensor) -> None:
    with torch.no_grad():
        first, second = (model.eval()(x, POSITION) for _ in range(2))
        assert torch.equal(first.x_hat, second.x_hat)
        assert torch.equal(first.y_bits, second.y_bits) and torch.equal(first.z_bits, second.z_bits)
        first, second = (model.train()(x, POSITION) for _ in range(2))
        assert not torch.equal(first.y_bits, second.y_bits) and not torch.equal(first.z_bits, second.z_bits)


def test_evaluation_rounds_everything(model: HyperpriorModel, x: Tensor) -> None:
    """What the context decodes differs from its means by whole steps, in both modes; z is whole in evaluation only."""
    seen: list[Tensor] = []
    model.network.h_s.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    walk = model.network.walk_context

    def watched(z_hat, position, code):  # type: ignore[no-untyped-def]
        def wrapped(step, mean, delta):  # type: ignore[no-untyped-def]
            delta = 0.8 * delta
            decoded = code(step, mean, delta)
            offsets = (decoded - mean) / delta
            assert (offsets - offsets.round()).abs().max() < 1e-2
            return decoded

        return walk(z_hat, position, wrapped)

    model.network.walk_context = watched  # type: ignore[method-assign]
    with torch.no_grad():
        model.eval()(x, POSITION)
        model.train()(x, POSITION)
    evaluated, trained = seen
    assert torch.equal(evaluated, evaluated.round())
    assert (trained - trained.round()).abs().mean() > 0.1


@pytest.mark.parametrize("simulate_integers", [False, True])
def test_gradients_reach_every_parameter(model: HyperpriorModel, x: Tensor, simulate_integers: bool) -> None:
    output = model.train()(x, POSITION, simulate_integers=simulate_integers)
    (output.y_bits.sum() + output.z_bits.sum() + 1e4 * (output.x_hat - x).square().mean()).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_better_quality_costs_more_bits(model: HyperpriorModel, x: Tensor) -> None:
    with torch.no_grad():
        same = x[:1].expand(3, -1, -1, -1)
        output = model.eval()(same, torch.tensor([0.0, 1.0, 2.0]))
    assert output.y_bits.tolist() == sorted(output.y_bits.tolist())


def test_the_shipped_model_comes_back() -> None:
    weights = load_weights(None)
    model = trainable_model(weights)
    for key, tensor in network_of(weights).state_dict().items():
        assert torch.equal(model.network.state_dict()[key], tensor), key
    exported = integer_scales(model).tensors
    for key, numbers in weights.scales.tensors.items():
        assert np.array_equal(exported[key], numbers), key


def test_a_run_starts_from_it(train_images: dict[str, Tensor], tiny_run: TrainConfig, tmp_path: Path) -> None:
    fresh = Trainer(tiny_run, train_images, {}, torch.device("cpu"))
    fresh.run(60, tmp_path / "a.pt", max_steps=1)
    start = fresh.model
    run = Trainer(tiny_run, train_images, {}, torch.device("cpu"), start=start)
    before = {key: tensor.clone() for key, tensor in start.state_dict().items()}
    assert all(torch.equal(tensor, before[key]) for key, tensor in run.model.state_dict().items())
    run.run(60, tmp_path / "b.pt", max_steps=1)
    assert any(not torch.equal(tensor, before[key]) for key, tensor in run.model.state_dict().items())
