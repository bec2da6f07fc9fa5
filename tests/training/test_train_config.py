"""Training configurations: TOML in, and what is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from cnncompress.model.config import ModelConfig
from cnncompress.training.config import (
    Augmentation,
    Phase,
    TrainConfig,
    config_from_dict,
    load_config,
    model_config_from_dict,
)

TOML = """
learning_rate = 1e-3
seed = 7

[model]
latent_channels = 16
lambdas = [0.01, 0.1]

[augmentation]
max_downscale = 1.5

[[phases]]
fraction = 0.25
crop = 64
batch = 3

[[phases]]
fraction = 0.75
crop = 128
batch = 2
simulate_integers = true
"""


def test_toml(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(TOML, encoding="utf-8")
    assert load_config(path) == TrainConfig(
        model=ModelConfig(latent_channels=16, lambdas=(0.01, 0.1)),
        phases=(Phase(0.25, 64, 3), Phase(0.75, 128, 2, simulate_integers=True)),
        augmentation=Augmentation(max_downscale=1.5),
        learning_rate=1e-3,
        seed=7,
    )
    path.write_text("", encoding="utf-8")
    assert load_config(path) == TrainConfig()


def test_settings_change_single_values(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(TOML, encoding="utf-8")
    config = load_config(path, ["seed=8", "model.width_8=24", "model.width_16=32", "augmentation.colour_jitter=0.0"])
    before = load_config(path)
    model = replace(before.model, width_8=24, width_16=32)
    augmentation = replace(before.augmentation, colour_jitter=0.0)
    assert config == replace(before, seed=8, model=model, augmentation=augmentation)
    assert load_config(None, []) == TrainConfig()
    with pytest.raises(ValueError, match="setting 'seed'"):
        load_config(None, ["seed"])
    with pytest.raises(ValueError, match="unknown TrainConfig keys: sead"):
        load_config(None, ["sead=3"])


def test_json_round_trip() -> None:
    config = TrainConfig(seed=3, model=ModelConfig(width_8=8), objective="mix-0.25", phases=(Phase(1.0, 192, 2),))
    assert config_from_dict(json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colour": 1, "answer": 2}, "unknown TrainConfig keys: answer, colour"),
        ({"model": {"depth": 3}}, "unknown ModelConfig keys: depth"),
        ({"augmentation": {"blur": 3}}, "unknown Augmentation keys: blur"),
        ({"phases": [{"fraction": 1.0, "crop": 64, "batch": 1, "speed": 9}]}, "unknown Phase keys: speed"),
        ({"model": {"latent_channels": 6}}, "must be a multiple of 4"),
        ({"model": {"width_8": "wide"}}, "width_8 is 'wide', must be"),
        ({"phases": [{"fraction": 0.9, "crop": 64, "batch": 1}]}, "must add up to 1"),
        ({"phases": []}, "must add up to 1"),
        ({"phases": [{"fraction": 1.0, "crop": 96, "batch": 1}]}, "crop must be a multiple of 64"),
        ({"phases": [{"fraction": 1.0, "crop": 0, "batch": 1}]}, "crop must be a multiple of 64"),
        ({"phases": [{"fraction": 1.0, "crop": 64, "batch": 0}]}, "batch 0"),
        ({"ema_seconds": 0.0}, "ema_seconds is 0.0, must be above 0"),
        ({"objective": "psnr"}, "objective is 'psnr', must be mse, or mix-A"),
    ],
)
def test_what_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config_from_dict(values)


def test_files_that_are_no_toml_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("seed == 1", encoding="utf-8")
    with pytest.raises(ValueError, match="Invalid value"):
        load_config(path)
    with pytest.raises(OSError, match=r"none\.toml"):
        load_config(tmp_path / "none.toml")


def test_phases_follow_each_other() -> None:
    phases = (Phase(0.25, 64, 1), Phase(0.5, 128, 1), Phase(0.25, 256, 1))
    config = TrainConfig(phases=phases)
    at = [(0.0, 0), (0.2499, 0), (0.25, 1), (0.7499, 1), (0.75, 2), (1.0, 2), (1.5, 2)]
    for progress, index in at:
        assert config.phase_at(progress) is phases[index]


def test_rates_are_linear_within_each_phase() -> None:
    phases = (
        Phase(0.5, 64, 1),
        Phase(0.25, 64, 1, last_rate=0.0),
        Phase(0.25, 64, 1, first_rate=0.4, last_rate=0.2),
    )
    config = TrainConfig(phases=phases)
    for progress, rate in ((0.0, 1.0), (0.49, 1.0), (0.625, 0.5), (0.7499, 0.0004), (0.75, 0.4), (0.875, 0.3)):
        assert config.rate_at(progress) == pytest.approx(rate, abs=1e-6)
    assert config.rate_at(1.0) == config.rate_at(2.0) == pytest.approx(0.2)


def test_default_phases_end_as_the_codec_computes() -> None:
    """What is shipped has integer scales, so the last steps must have met them."""
    assert TrainConfig().phases[-1].simulate_integers
    assert not TrainConfig().phases[0].simulate_integers


def test_inputs_are_left_as_they_are() -> None:
    values: dict[str, Any] = {"model": {"lambdas": [0.1, 0.2]}, "phases": [{"fraction": 1.0, "crop": 64, "batch": 1}]}
    before = json.dumps(values)
    config_from_dict(values)
    model_config_from_dict(values["model"])
    assert json.dumps(values) == before
