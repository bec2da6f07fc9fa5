"""The four coding steps: a partition in the documented order, and means that look only backward."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from cnncompress.entropy.parts import STEPS
from cnncompress.model.config import ModelConfig
from cnncompress.nn.mean_context import StepPartition
from cnncompress.nn.network import CodecNetwork

PLACES = [(0, 0), (1, 1), (0, 1), (1, 0)]
"""Row and column of position p within its 2x2 cell, as the format has them."""


def numbered(batch: int, channels: int, height: int, width: int) -> Tensor:
    return torch.arange(batch * channels * height * width, dtype=torch.float64).view(batch, channels, height, width)


@pytest.mark.parametrize(("bands", "height", "width"), [((4,), 2, 2), ((8,), 4, 6), ((320, 192), 4, 4)])
def test_every_element_is_coded_once(bands: tuple[int, ...], height: int, width: int) -> None:
    partition, channels = StepPartition(bands), sum(bands)
    y = numbered(2, channels, height, width)
    steps = partition.split(y)
    assert [step.shape for step in steps] == [(2, channels, height // 2, width // 2)] * STEPS
    assert sorted(torch.cat([step.flatten() for step in steps]).tolist()) == y.flatten().tolist()
    assert torch.equal(partition.merge(list(steps)), y)
    assert torch.equal(torch.cat(partition.split(partition.merge(list(steps)))), torch.cat(steps))


def test_step_k_codes_group_j_at_position_k_xor_j() -> None:
    channels, group = 12, 3
    y = numbered(1, channels, 4, 6)
    steps = StepPartition((channels,)).split(y)
    for k, j, c in itertools.product(range(STEPS), range(STEPS), range(group)):
        row, column = PLACES[k ^ j]
        assert torch.equal(steps[k][0, group * j + c], y[0, group * j + c, row::2, column::2])


def test_a_second_band_leaves_the_first_as_it_is() -> None:
    y = numbered(2, 20, 4, 6)
    both = StepPartition((12, 8)).split(y)
    for step, first, second in zip(
        both, StepPartition((12,)).split(y[:, :12]), StepPartition((8,)).split(y[:, 12:]), strict=True
    ):
        assert torch.equal(step, torch.cat([first, second], dim=1))


def test_every_step_sees_every_position() -> None:
    y = numbered(1, 4, 2, 2)
    for step in StepPartition((4,)).split(y):
        assert sorted((step.flatten() % 4).tolist()) == [0, 1, 2, 3]


def test_channel_vectors_follow_the_split() -> None:
    partition = StepPartition((8,))
    vector = torch.randn(3, 8, 1, 1)
    for part, expected in zip(
        partition.split_channels(vector), partition.split(vector.expand(3, 8, 4, 4)), strict=True
    ):
        assert torch.equal(part.expand_as(expected), expected)


def wide_awake_network(config: ModelConfig) -> CodecNetwork:
    """A network whose last layers are not zero, so that whatever could matter does."""
    torch.manual_seed(0)
    network = CodecNetwork(config)
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(0.0, 0.3)
    return network


@torch.no_grad()
def walk(network: CodecNetwork, z: Tensor, position: Tensor, y: list[Tensor]) -> tuple[list[Tensor], Tensor]:
    """Means of all steps, and the merged latent, when the steps decode to ``y``."""
    means: list[Tensor] = []

    def code(step: int, mean: Tensor, delta: Tensor) -> Tensor:
        assert step == len(means)
        means.append(mean)
        return y[step]

    return means, network.walk_context(z, position, code)


def test_means_depend_only_on_steps_decoded_before(tiny_config: ModelConfig) -> None:
    network = wide_awake_network(tiny_config)
    torch.manual_seed(1)
    z, position = torch.randn(2, tiny_config.hyper_channels, 2, 2), torch.tensor([0.4, 1.7])
    y = list(torch.randn(STEPS, 2, tiny_config.latent_channels, 4, 4) * 5)
    means, merged = walk(network, z, position, y)
    assert torch.equal(merged, network.partition.merge(y))
    for changed in range(STEPS):
        other = [step + 1.0 if index == changed else step for index, step in enumerate(y)]
        moved = [not torch.equal(*pair) for pair in zip(means, walk(network, z, position, other)[0], strict=True)]
        assert moved == [index > changed for index in range(STEPS)]
    assert not torch.equal(walk(network, z + 1.0, position, y)[0][0], means[0])


def test_samples_do_not_see_each_other(tiny_config: ModelConfig) -> None:
    network = wide_awake_network(tiny_config)
    torch.manual_seed(2)
    z, position = torch.randn(3, tiny_config.hyper_channels, 1, 2), torch.tensor([0.0, 1.1, 2.0])
    y = list(torch.randn(STEPS, 3, tiny_config.latent_channels, 2, 4))
    means, _ = walk(network, z, position, y)
    for index in range(3):
        chosen = slice(index, index + 1)
        alone, _ = walk(network, z[chosen], position[chosen], [step[chosen] for step in y])
        for one, all_of_them in zip(alone, means, strict=True):
            torch.testing.assert_close(one, all_of_them[chosen])


def test_untrained_means_are_zero(tiny_config: ModelConfig) -> None:
    network = CodecNetwork(tiny_config)
    z, y = torch.randn(1, tiny_config.hyper_channels, 1, 1), [torch.randn(1, 8, 2, 2)] * STEPS
    assert not any(mean.any() for mean in walk(network, z, torch.tensor([1.0]), y)[0])


def test_means_stay_float32_under_autocast(tiny_config: ModelConfig) -> None:
    network = wide_awake_network(tiny_config)
    z, y = torch.randn(1, tiny_config.hyper_channels, 1, 1), [torch.randn(1, 8, 2, 2)] * STEPS
    with torch.autocast("cpu", dtype=torch.bfloat16):
        means, _ = walk(network, z, torch.tensor([1.0]), y)
    assert {mean.dtype for mean in means} == {torch.float32}
