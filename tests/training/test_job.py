"""Jobs: settings from start, budget and images, the configuration of a run, and checkpoints of other runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cnncompress.errors import ModelError, OutputExists
from cnncompress.model.config import ModelConfig
from cnncompress.training.config import TrainConfig
from cnncompress.training.job import Job, check_same_run, fine_tuning_config, fitting_crop, fresh_config, plan

JOB = Job(images=(Path("photos"),), output=Path("models/mine.safetensors"), start=None, minutes=60.0)


def test_checkpoint_lies_beside_the_output() -> None:
    assert JOB.checkpoint == Path("models/mine.safetensors.checkpoint")


def test_automatic_settings(tiny_config: ModelConfig) -> None:
    assert plan(JOB, None, on_gpu=False) == fresh_config(60.0)
    assert plan(JOB, None, on_gpu=True, crop=64) == fresh_config(60.0, crop=64, batch=16)
    assert plan(JOB, tiny_config, on_gpu=False, crop=128) == fine_tuning_config(tiny_config, 60.0, crop=128, batch=4)
    assert plan(JOB, tiny_config, on_gpu=True) == fine_tuning_config(tiny_config, 60.0, batch=16)
    assert plan(replace(JOB, seed=9), None, on_gpu=False) == replace(fresh_config(60.0), seed=9)


def test_own_settings(tiny_run: TrainConfig, tiny_config: ModelConfig) -> None:
    job = replace(JOB, settings=tiny_run)
    assert plan(job, None, on_gpu=True, crop=64) == plan(job, tiny_config, on_gpu=True) == tiny_run
    assert plan(replace(job, seed=9), None, on_gpu=False) == replace(tiny_run, seed=9)
    shapeless = replace(tiny_run, model=ModelConfig())
    assert plan(replace(job, settings=shapeless), tiny_config, on_gpu=False) == tiny_run
    with pytest.raises(ModelError, match="another shape"):
        plan(job, replace(tiny_config, width_8=4), on_gpu=False)


def test_going_on_elsewhere_or_for_longer(tiny_config: ModelConfig) -> None:
    for model in (None, tiny_config):
        saved = plan(JOB, model, on_gpu=False, crop=64)
        longer = replace(JOB, minutes=5.0)
        check_same_run(longer, plan(longer, model, on_gpu=True), saved)


def test_checkpoints_of_other_runs(tiny_run: TrainConfig, tiny_config: ModelConfig) -> None:
    saved = plan(JOB, tiny_config, on_gpu=False)
    with pytest.raises(OutputExists, match=r"mine.safetensors.checkpoint: .* \(seed\)"):
        check_same_run(JOB, replace(saved, seed=2), saved)
    with pytest.raises(OutputExists, match=r"\(origin\)"):
        check_same_run(JOB, plan(JOB, tiny_config, "0a1b2c3d", on_gpu=False), saved)
    with pytest.raises(OutputExists, match=r"\(model, learning_rate, "):
        check_same_run(JOB, plan(JOB, None, on_gpu=False), saved)
    job = replace(JOB, settings=tiny_run)
    check_same_run(job, tiny_run, tiny_run)
    with pytest.raises(OutputExists, match=r"\(warmup_steps\)"):
        check_same_run(job, replace(tiny_run, warmup_steps=3), tiny_run)


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


def test_single_changes_and_checkpoints_to_start_from(tiny_run: TrainConfig, tiny_config: ModelConfig) -> None:
    job = replace(JOB, changes={"learning_rate": 1e-4, "augmentation": {"transpose": True}, "warmup_steps": 7})
    automatic = fine_tuning_config(tiny_config, 60.0)
    augmentation = replace(automatic.augmentation, transpose=True)
    expected = replace(automatic, learning_rate=1e-4, augmentation=augmentation, warmup_steps=7)
    assert plan(job, tiny_config, on_gpu=False) == expected
    going_on = plan(job, tiny_config, "0a1b2c3d", on_gpu=False, earlier=tiny_run)
    assert (going_on.phases, going_on.warmup_steps, going_on.origin) == (tiny_run.phases, 7, "0a1b2c3d")
    for changes, message in (({"model": {"width_8": 4}}, "another shape"), ({"seed": 1, "ema_seconds": 0}, "above 0")):
        with pytest.raises(ModelError, match=message):
            plan(replace(JOB, changes=changes), tiny_config, on_gpu=False)
    # What is changed by hand has to be the same in a checkpoint, automatic or not.
    check_same_run(JOB, replace(expected, warmup_steps=9), expected)
    with pytest.raises(OutputExists, match=r"\(warmup_steps\)"):
        check_same_run(job, replace(expected, warmup_steps=9), expected)
