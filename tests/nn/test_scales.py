"""The integer scale network against an independent NumPy implementation, bit for bit, and its trainable twin."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch
from integer_oracle import hyper_levels, interpolate, nats_to_levels, scale_nats
from torch import Tensor

from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS, ModelConfig
from cnncompress.model.weights import Weights
from cnncompress.nn.integers import MAX_EXACT_INTEGER, nats_to_level, nats_to_table
from cnncompress.nn.scales import (
    MAX_HYPER_SYMBOL,
    MAX_TABLE_ENTRY,
    IntegerScaleSynthesis,
    ScaleSynthesis,
    interpolate_integers,
)

Threads = Callable[[int], AbstractContextManager[None]]

QUALITIES = [0, 1, 1234, 5000, 7143, 9999, 10000]
CONFIG = ModelConfig(latent_channels=12, hyper_channels=6, scale_width=16, lambdas=(0.001, 0.01, 0.1, 1.0))


def integers(low: int, high: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(low, high + 1, shape, generator=generator)


def random_network(kind: str, seed: int) -> IntegerScaleSynthesis:
    """A network of a kind: "usual" magnitudes, as "large" as int32 allows, or "cancelling" near the exact bound."""
    generator = torch.Generator().manual_seed(seed)
    network = IntegerScaleSynthesis(CONFIG)
    state = network.state_dict()
    for key, tensor in state.items():
        shape = tuple(tensor.shape)
        if key.startswith("context."):
            continue
        if key.startswith("weight"):
            # An eighth per weight and layer keeps the activations of the usual network off both ends.
            size = {"usual": 2**12, "large": 2**31 - 1, "cancelling": 2**12}[kind]
            if kind == "large" and key == "weight_0":
                size >>= 3  # its input is the largest
            state[key] = integers(-size, size, shape, generator)
        elif key in ("offset", "hyper_offset"):
            state[key] = integers(-(2**24), 9 * 2**24, shape, generator)
        else:
            size = {"usual": 2**24, "large": MAX_TABLE_ENTRY - 1, "cancelling": 2**24}[kind]
            state[key] = integers(-size, size, shape, generator)
    if kind == "cancelling":
        _cancel(state, generator)
    network.load_state_dict(state)
    return network


def _cancel(state: dict[str, Tensor], generator: torch.Generator) -> None:
    """Makes neighbouring activations equal and gives them huge weights of opposite signs: only the sums are small."""
    for name in ("weight_0", "bias_0", "weight_2", "bias_2"):
        state[name][1::2] = state[name][::2]
    state["input_bias"][:, 1::2] = state["input_bias"][:, ::2]
    for name in ("weight_1", "bias_1"):
        blocks = state[name].view(-1, 2, 4, *state[name].shape[1:])
        blocks[:, 1] = blocks[:, 0]
    for layer in (1, 2, 3):
        weight = state[f"weight_{layer}"]
        small = weight[:, ::2].clone()
        huge = integers(2**30, 2**31 - 1 - 2**12, tuple(small.shape), generator)
        weight[:, ::2] = huge
        weight[:, 1::2] = small - huge
        if layer != 3:  # what is equal so far must stay equal
            step = 4 if layer == 1 else 1
            blocks = weight.view(-1, 2, step, *weight.shape[1:])
            blocks[:, 1] = blocks[:, 0]


def parameters(network: IntegerScaleSynthesis) -> dict[str, np.ndarray]:
    return {key: tensor.numpy().astype(np.int64) for key, tensor in network.state_dict().items()}


def random_symbols(batch: int, channels: int, side: int, largest: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return integers(-largest, largest, (batch, channels, side, side + 1), generator)


@pytest.mark.parametrize("kind", ["usual", "large", "cancelling"])
@pytest.mark.parametrize("largest", [3, MAX_HYPER_SYMBOL])
def test_equals_the_oracle(kind: str, largest: int, threads: Threads) -> None:
    network = random_network(kind, seed=largest)
    bounds = network.accumulator_bounds().values()
    assert max(bounds) < MAX_EXACT_INTEGER // 2
    if kind != "usual":
        assert max(bounds) > 2**49
    z = random_symbols(4, CONFIG.hyper_channels, 5, largest)
    seen = set()
    for quality in QUALITIES:
        expected = scale_nats(parameters(network), z.numpy(), quality)
        seen |= set(nats_to_levels(expected).flat)
        for count in (1, 2):
            with threads(count):
                assert (network(z, quality).numpy() == expected).all()
        last = z.float().contiguous(memory_format=torch.channels_last)
        assert (network(last, quality).numpy() == expected).all()
        for index in range(len(z)):
            assert (network(z[index : index + 1].int(), quality).numpy() == expected[index : index + 1]).all()
        assert (network.hyper_levels(quality).numpy() == hyper_levels(parameters(network), quality)).all()
    assert len(seen) > (1 if kind == "large" else 30), "the case says nothing: hardly any levels occur"


def test_shipped_model_equals_the_oracle(weights: Weights, threads: Threads) -> None:
    network = weights.scales
    z = random_symbols(1, weights.network.config.hyper_channels, 4, 4)
    z[..., 2:, :] *= 20
    for quality in (0, 3333, 10000):
        expected = scale_nats(parameters(network), z.numpy(), quality)
        assert len(np.unique(nats_to_levels(expected))) > 10
        for count in (1, 2):
            with threads(count):
                assert (network(z, quality).numpy() == expected).all()
        assert (network.hyper_levels(quality).numpy() == hyper_levels(parameters(network), quality)).all()


def test_shipped_model_is_the_same_under_autocast(weights: Weights) -> None:
    z = random_symbols(1, weights.network.config.hyper_channels, 4, 4)
    expected = weights.scales(z, 5000)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(weights.scales(z, 5000), expected)


def test_tiles_agree_with_the_whole() -> None:
    """A level sees less than two hyper-latent positions in every direction."""
    network = random_network("usual", 7)
    z = random_symbols(1, CONFIG.hyper_channels, 9, 20)
    whole = network(z, 4321)
    margin = 2
    for top, left, side in [(0, 0, 7), (1, 2, 6), (2, 3, 7)]:
        tile = network(z[..., top : top + side, left : left + side], 4321)
        inside = slice(4 * margin, 4 * (side - margin))
        shifted = [slice(4 * (start + margin), 4 * (start + side - margin)) for start in (top, left)]
        assert torch.equal(tile[..., inside, inside], whole[..., shifted[0], shifted[1]])


@pytest.mark.parametrize("quality", QUALITIES)
def test_interpolation(quality: int) -> None:
    table = integers(1 - MAX_TABLE_ENTRY, MAX_TABLE_ENTRY - 1, (4, 50), torch.Generator().manual_seed(1))
    mixed = interpolate_integers(table, quality)
    assert (mixed.numpy() == interpolate(table.numpy(), quality)).all()
    place = quality * 3 / 10000
    expected = [np.interp(place, range(4), column) for column in table.T.numpy()]
    np.testing.assert_allclose(mixed.numpy(), expected, rtol=1e-12, atol=1)


def test_anchors_are_hit_exactly() -> None:
    table = integers(-1000, 1000, (5, 8), torch.Generator().manual_seed(1))
    for anchor in range(5):
        assert torch.equal(interpolate_integers(table, 2500 * anchor), table[anchor])


def test_bounds_count_every_parameter() -> None:
    network = IntegerScaleSynthesis(CONFIG)
    assert set(network.accumulator_bounds().values()) == {0}
    limits = [1023 << 8, (1 << 14) - 1, (1 << 14) - 1, (1 << 14) - 1]
    for layer, limit in enumerate(limits):
        network.get_buffer(f"weight_{layer}")[1, 0] = -5
        network.get_buffer(f"bias_{layer}")[1] = -7
        taps = 9 if layer in (0, 2) else 1
        assert network.accumulator_bounds()[f"weight_{layer}"] == 5 * taps * limit + 7
    before = list(network.accumulator_bounds().values())
    network.get_buffer("input_bias")[2, 3] = -11
    network.get_buffer("offset")[1, 1] = 13
    after = list(network.accumulator_bounds().values())
    assert after[:4] == [before[0] + 11, before[1], before[2], before[3] + 13]
    assert set(after[4:]) == {after[3]}, "the context is added to the last layer"
    assert network.table_bound() == 13
    network.get_buffer("hyper_offset")[0, 0] = -(2**63)
    assert network.table_bound() == 2**63


def trainable(config: ModelConfig, seed: int) -> ScaleSynthesis:
    """A scale network of random weights whose levels spread over the table."""
    torch.manual_seed(seed)
    twin = ScaleSynthesis(config)
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            if name.endswith("offset.table"):
                parameter.uniform_(0.5, 6.0)
            elif name.endswith("table"):
                parameter.normal_(0.0, 0.5)
        twin.convolutions[3].weight.normal_(0.0, 0.3)  # type: ignore[operator]
    return twin


@pytest.mark.parametrize("quality", [0, 2500, 3800, 10000])
def test_trainable_twin_agrees(quality: int) -> None:
    config = ModelConfig(latent_channels=64, hyper_channels=24, scale_width=32, lambdas=(0.001, 0.01, 0.1))
    twin = trainable(config, seed=quality)
    exact = IntegerScaleSynthesis(config)
    exact.load_state_dict(twin.to_integers())
    z = random_symbols(2, 24, 8, 10)
    position = torch.full((2,), quality / 10000 * 2)
    with torch.no_grad():
        log_scales = nats_to_table(twin(z.float(), position, simulate_integers=True), simulate_integers=True)
        hyper = twin.hyper_log_scales(position[:1], simulate_integers=True)
    levels = nats_to_level(exact(z, quality))
    assert len(levels.unique()) > 30
    agreement = (log_scales * LEVELS_PER_NAT == levels).double().mean().item()
    assert agreement >= 0.999
    assert (hyper.flatten() * LEVELS_PER_NAT - exact.hyper_levels(quality)).abs().max() <= 1


def test_twin_without_simulation_is_near_and_smooth() -> None:
    config = ModelConfig(latent_channels=16, hyper_channels=8, scale_width=8, lambdas=(0.001, 0.1))
    twin = trainable(config, seed=5)
    z = random_symbols(1, 8, 4, 5).float()
    position = torch.tensor([0.3])
    smooth, rounded = twin(z, position, False), twin(z, position, True)
    assert 0 < (smooth - rounded).abs().max() < 0.6 / LEVELS_PER_NAT
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
    config = ModelConfig(latent_channels=4, hyper_channels=4, scale_width=4, lambdas=(0.001, 0.1))
    twin = ScaleSynthesis(config)
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


def test_integers_of_large_weights_are_not_wrapped() -> None:
    twin = ScaleSynthesis(ModelConfig(latent_channels=4, hyper_channels=4, scale_width=4, lambdas=(0.001, 0.1)))
    with torch.no_grad():
        twin.convolutions[0].bias.fill_(3.0)  # type: ignore[operator]
        twin.convolutions[1].weight.fill_(2.0**20)  # type: ignore[operator]
    state = twin.to_integers()
    assert state["bias_0"].tolist() == [3 << 24] * 4
    assert set(state["weight_1"].flatten().tolist()) == {1 << 34}
