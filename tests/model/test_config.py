"""The shape of a model: what is refused."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import pytest

from cnncompress.model.config import LEVELS_PER_NAT, MAX_BLOCKS, MAX_WIDTH, SCALE_LEVELS, SCALE_MIN, ModelConfig


def test_default_is_sound() -> None:
    config = ModelConfig()
    assert config.anchors == len(config.lambdas) == 11
    ratios = [high / low for low, high in itertools.pairwise(config.lambdas)]
    assert all(first > second > 1.0 for first, second in itertools.pairwise(ratios))


def test_scale_table_reaches_from_nothing_to_hundreds_of_steps() -> None:
    assert SCALE_MIN < 0.15
    assert 250 < SCALE_MIN * math.exp((SCALE_LEVELS - 1) / LEVELS_PER_NAT) < 1000


def test_widths_out_of_range() -> None:
    names = [field.name for field in dataclasses.fields(ModelConfig) if field.name != "lambdas"]
    values: list[Any] = [-4, 1.5, 8.0, "8", None, True, MAX_WIDTH + 4]
    for name, value in itertools.product(names, values):
        with pytest.raises(ValueError, match=f"{name} is {value!r}, must be"):
            ModelConfig(**{name: value})
    for name in names:
        if name != "fine_channels":  # there may be none
            nothing: dict[str, Any] = {name: 0}
            with pytest.raises(ValueError, match=f"{name} is 0, must be"):
                ModelConfig(**nothing)


def test_numbers_of_blocks_are_small() -> None:
    assert ModelConfig(blocks_8=MAX_BLOCKS).blocks_8 == MAX_BLOCKS
    with pytest.raises(ValueError, match="blocks_8 is 65, must be a whole number within 1"):
        ModelConfig(blocks_8=MAX_BLOCKS + 1)


def test_message_about_a_long_value_is_short() -> None:
    with pytest.raises(ValueError, match="width_8 is 'xxx") as caught:
        ModelConfig(width_8="x" * 10000)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 200


def test_latent_channels_come_in_four_groups() -> None:
    with pytest.raises(ValueError, match="latent_channels is 6, must be a multiple of 4"):
        ModelConfig(latent_channels=6)
    with pytest.raises(ValueError, match="fine_channels is 6, must be a multiple of 4"):
        ModelConfig(latent_channels=16, fine_channels=6)


def test_a_fine_band_leaves_another() -> None:
    assert ModelConfig(latent_channels=16).bands == (16,)
    assert ModelConfig(latent_channels=16, fine_channels=4).bands == (12, 4)
    with pytest.raises(ValueError, match="fine_channels is 16, must be less than 16"):
        ModelConfig(latent_channels=16, fine_channels=16)


@pytest.mark.parametrize(
    "lambdas",
    [(), (0.1,), (0.1, 0.1), (0.2, 0.1), (0.0, 0.1), (-1.0, 1.0), (math.nan, 0.1), (0.1, math.nan), (0.1, math.inf)],
)
def test_lambdas_ascend(lambdas: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="lambdas must be"):
        ModelConfig(lambdas=lambdas)


def test_config_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ModelConfig().width_8 = 1  # type: ignore[misc]
