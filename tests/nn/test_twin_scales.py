"""The trainable twin of the scale networks against the integers that it becomes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from cnncompress.entropy.scale_walk import ScaleWalk
from cnncompress.errors import InvalidModel
from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS, ModelConfig
from cnncompress.nn.twin_layers import nats_to_table
from cnncompress.nn.twin_scales import ScaleSynthesis

CONFIG = ModelConfig(
    latent_channels=64, fine_channels=8, hyper_channels=24, scale_width=32, scale_context_width=12,
    lambdas=(0.001, 0.01, 0.1),
)  # fmt: skip
SMALL = ModelConfig(latent_channels=4, hyper_channels=4, scale_width=4, lambdas=(0.001, 0.1))


def trainable(config: ModelConfig, seed: int) -> ScaleSynthesis:
    """A scale network of random weights whose levels spread over the table, with a context that moves them."""
    torch.manual_seed(seed)
    twin = ScaleSynthesis(config)
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            if name.endswith("offset.table"):
                parameter.uniform_(0.5, 6.0)
            elif name.endswith("table"):
                parameter.normal_(0.0, 0.5)
        twin.layers()[3].weight.normal_(0.0, 0.3)
        for number in range(1, 16):
            twin.context.layers(number)[2].weight.normal_(0.0, 0.3)
    return twin


def random_z(config: ModelConfig, largest: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-largest, largest + 1, (config.hyper_channels, 8, 9), generator=generator, dtype=torch.int32)


@pytest.mark.parametrize("quality", [0, 2500, 3800, 10000])
def test_simulated_integers_are_the_integers(quality: int) -> None:
    """Exactly at the anchors; between them a table's row may be rounded the other way at a tie."""
    twin = trainable(CONFIG, seed=quality)
    exact = twin.to_integers()
    z, position = random_z(CONFIG, 10), torch.tensor([quality / 10000 * 2])
    walk = ScaleWalk(exact, z.numpy(), quality)
    surprises: list[Tensor] = []
    agreement: list[float] = []
    seen: set[int] = set()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        nats = twin(z[None].float(), position, simulate_integers=True)
        for number, part in enumerate(exact.parts):
            own = nats[:, part.in_latent]
            symbols = (3 * torch.randn(own.shape, generator=generator)).round()
            table = nats_to_table(twin.context(number, own, surprises, True), True)
            levels = walk.levels()
            agreement.append((table[0].numpy() * LEVELS_PER_NAT == levels).mean())
            seen |= set(levels.flatten().tolist())
            walk.add(symbols[0].int().numpy())
            surprises.append(twin.context.surprise(symbols, own))
        hyper = twin.hyper_log_scales(position, simulate_integers=True)
    assert len(seen) > 30
    assert min(agreement) == 1.0 if quality in (0, 10000) else np.mean(agreement) > 0.99
    assert (hyper.flatten() * LEVELS_PER_NAT - torch.from_numpy(exact.hyper_levels(quality))).abs().max() <= 1


def test_twin_without_simulation_is_near_and_smooth() -> None:
    config = ModelConfig(latent_channels=16, hyper_channels=8, scale_width=8, lambdas=(0.001, 0.1))
    twin = trainable(config, seed=5)
    z = random_z(config, 5)[None].float()
    position = torch.tensor([0.3])
    smooth, rounded = twin(z, position, False), twin(z, position, True)
    assert 0 < (smooth - rounded).abs().max() < 1.5 / LEVELS_PER_NAT
    for simulate, nats in ((False, smooth), (True, rounded)):
        table = nats_to_table(nats, simulate)
        assert bool(((table * LEVELS_PER_NAT) % 1 > 0.01).any()) != simulate
        assert table.min() >= 0 and table.max() <= (SCALE_LEVELS - 1) / LEVELS_PER_NAT
    for simulate in (False, True):
        twin.zero_grad()
        (twin(z, position, simulate) - 3.0).square().sum().backward()
        ours = [p for name, p in twin.named_parameters() if not name.startswith(("hyper_offset", "context"))]
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in ours)


def test_bounded_log_scales_can_come_back() -> None:
    """Beyond either end of the table, gradients pass only if they lead back inside."""
    twin = ScaleSynthesis(SMALL)
    for start, target in [(-1.0, 4.0), (20.0, 4.0), (-1.0, -9.0), (20.0, 30.0)]:
        with torch.no_grad():
            twin.hyper_offset.table.fill_(start)
        twin.zero_grad()
        (twin.hyper_log_scales(torch.tensor([0.5]), True) - target).square().sum().backward()
        gradient = twin.hyper_offset.table.grad
        assert gradient is not None
        comes_back = target == 4.0
        assert bool((gradient != 0).all()) == comes_back
        if comes_back:
            assert (gradient.sign() == (1 if start > target else -1)).all()


def test_integers_come_back() -> None:
    twin, other = trainable(CONFIG, 1), trainable(CONFIG, 2)
    exact = twin.to_integers()
    other.load_integers(exact)
    again = other.to_integers()
    for name, tensor in exact.tensors.items():
        assert (again.tensors[name] == tensor).all(), name


@pytest.mark.parametrize("name", ["convolutions.1.bias", "input_bias.table", "offset.table", "context.head.3.bias"])
def test_what_does_not_fit_is_refused(name: str) -> None:
    twin = ScaleSynthesis(SMALL)
    with torch.no_grad():
        dict(twin.named_parameters())[name].view(-1)[0] = -1e30
    with pytest.raises(InvalidModel, match="can reach"):
        twin.to_integers()
