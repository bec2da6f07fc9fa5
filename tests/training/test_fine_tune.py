"""Settings that follow from the start, the budget and the images."""

from __future__ import annotations

import pytest
import torch

from cnncompress.nn.config import ModelConfig
from cnncompress.training.config import TrainConfig
from cnncompress.training.fine_tune import fine_tuning_config, fitting_crop, fresh_config


def test_fine_tuning(tiny_config: ModelConfig) -> None:
    config = fine_tuning_config(tiny_config, 60.0, crop=128, batch=16)
    assert config.model == tiny_config
    assert {(phase.crop, phase.batch, phase.simulate_integers) for phase in config.phases} == {(128, 16, True)}
    assert [phase.synthesis_only for phase in config.phases] == [False, False, True]
    assert config.phase_at(0.8799).synthesis_only is False and config.phase_at(0.8801).synthesis_only is True
    assert config.rate_at(0.3) == 1.0 and config.rate_at(0.8799) < 0.001 and config.rate_at(1.0) == 0.0
    assert 1e-4 <= config.learning_rate <= 2e-4
    for name in ("learning_rate", "table_learning_rate", "klt_learning_rate"):
        assert getattr(config, name) <= getattr(TrainConfig(), name) / 2


def test_fresh_start() -> None:
    default = TrainConfig()
    assert fresh_config(60.0).phases == default.phases
    assert fresh_config(60.0).learning_rate == default.learning_rate
    small = fresh_config(60.0, crop=64, batch=16)
    assert {(phase.crop, phase.batch) for phase in small.phases} == {(64, 16)}
    assert [phase.fraction for phase in small.phases] == [phase.fraction for phase in default.phases]


@pytest.mark.parametrize(
    ("minutes", "warmup", "average"), [(0.01, 10, 0.1), (5.0, 50, 50.0), (60.0, 100, 600.0), (6000.0, 100, 600.0)]
)
def test_short_runs_warm_up_and_average_for_less_long(
    minutes: float, warmup: int, average: float, tiny_config: ModelConfig
) -> None:
    for config in (fine_tuning_config(tiny_config, minutes), fresh_config(minutes)):
        assert config.warmup_steps == warmup and config.ema_seconds == pytest.approx(average)


@pytest.mark.parametrize(
    ("sides", "crop"), [([64], 64), ([127, 127], 64), ([100, 128, 500], 128), ([256, 100, 300], 256), ([4000], 256)]
)
def test_crops_fit_half_of_the_images(sides: list[int], crop: int) -> None:
    assert fitting_crop(torch.zeros(3, side, 5000 - side) for side in sides) == crop
