"""The mean of several checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from average_checkpoints import averaged, main
from click.testing import CliRunner

from cnncompress.model.config import ModelConfig
from cnncompress.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from cnncompress.training.config import TrainConfig


@pytest.fixture
def first(tiny_config: ModelConfig) -> Checkpoint:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(2))])
    return Checkpoint(
        config=TrainConfig(model=tiny_config),
        step=7,
        seconds=3.0,
        model={"a": torch.zeros(2)},
        average={"a": torch.tensor([1.0, 2.0]), "count": torch.tensor(5)},
        optimizer=optimizer.state_dict(),
        rng={"cpu": torch.get_rng_state()},
        held_out=(),
        environment="here",
    )


@pytest.fixture
def second(first: Checkpoint) -> Checkpoint:
    return replace(first, step=9, average={"a": torch.tensor([5.0, 6.0]), "count": torch.tensor(9)})


def test_the_mean_is_weighted(first: Checkpoint, second: Checkpoint) -> None:
    mean = averaged([(3.0, first), (1.0, second)])
    assert mean.average["a"].tolist() == [2.0, 3.0] and mean.average["a"].dtype == torch.float32
    assert mean.average["count"] == 5 and mean.step == 7
    assert first.average["a"].tolist() == [1.0, 2.0]


def test_networks_must_be_the_same(first: Checkpoint, second: Checkpoint) -> None:
    wide = replace(second.config.model, width_8=2 * second.config.model.width_8)
    other = replace(second, config=replace(second.config, model=wide))
    with pytest.raises(ValueError, match="not of the same network"):
        averaged([(1.0, first), (1.0, other)])


def test_command(first: Checkpoint, second: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(first, tmp_path / "first")
    save_checkpoint(second, tmp_path / "second")
    command = ["--part", "1", str(tmp_path / "first"), "--part", "1", str(tmp_path / "second"), "-o"]
    assert CliRunner().invoke(main, [*command, str(tmp_path / "mean")]).exit_code == 0
    assert load_checkpoint(tmp_path / "mean").average["a"].tolist() == [3.0, 4.0]
    refused = CliRunner().invoke(main, [*command, str(tmp_path / "first")])
    assert refused.exit_code == 1 and "first: exists already; -f replaces it" in refused.output
    assert load_checkpoint(tmp_path / "first").average["a"].tolist() == [1.0, 2.0]
    missing = CliRunner().invoke(main, ["--part", "1", str(tmp_path / "none"), "-o", str(tmp_path / "mean"), "-f"])
    assert missing.exit_code == 1 and "average_checkpoints: " in missing.output
