"""Checkpoints: everything comes back, and code does not run."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from cnncompress.errors import InvalidModel
from cnncompress.model.config import ModelConfig
from cnncompress.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from cnncompress.training.config import TrainConfig
from cnncompress.training.tensor_files import read_tensors, write_tensors


@pytest.fixture
def state(tiny_config: ModelConfig) -> Checkpoint:
    parameter = torch.nn.Parameter(torch.randn(3))
    optimizer = torch.optim.Adam([{"params": [parameter], "lr": 0.1}])
    parameter.sum().backward()
    optimizer.step()
    return Checkpoint(
        config=TrainConfig(model=tiny_config, seed=5),
        step=17,
        seconds=12.5,
        model={"a": torch.randn(2, 3), "b": torch.arange(4)},
        average={"module.a": torch.randn(2, 3)},
        optimizer=optimizer.state_dict(),
        rng={"cpu": torch.get_rng_state(), "cuda": torch.arange(16, dtype=torch.uint8)},
        held_out=("x.png", "y.png"),
        environment="here",
    )


def assert_equal(found: Any, expected: Any) -> None:
    """Compares nested containers with tensors in them."""
    assert type(found) is type(expected)
    if isinstance(expected, torch.Tensor):
        assert found.dtype == expected.dtype and torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_equal(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    else:
        assert found == expected


def test_round_trip(state: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "run.pt"
    save_checkpoint(state, path)
    assert_equal(vars(load_checkpoint(path)), vars(state))
    save_checkpoint(replace(state, step=18), path)
    assert load_checkpoint(path).step == 18
    assert list(path.parent.iterdir()) == [path]


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.target, "the pickle's code has run"))


def test_code_in_a_pickle_does_not_run(state: Checkpoint, tmp_path: Path) -> None:
    target = tmp_path / "traces"
    pickle.loads(pickle.dumps(Payload(target)))
    assert target.exists(), "the payload does nothing, so the test would show nothing"
    target.unlink()
    torch.save({**state.model, "environment": Payload(target)}, tmp_path / "bad.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Payload(target), protocol=2))
    for name in ("bad.pt", "plain.pt"):
        with pytest.raises(InvalidModel, match="not a checkpoint") as caught:
            load_checkpoint(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert not target.exists()


@pytest.mark.parametrize(
    "kind", ["empty", "text", "cut", "tensors", "missing key", "extra key", "config", "format", "part", "list", "betas"]
)
def test_what_is_no_checkpoint(state: Checkpoint, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    save_checkpoint(state, path)
    tensors, text = read_tensors(path)
    values = json.loads(text)
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_bytes(b"hello there, this is a text")
        case "cut":
            path.write_bytes(path.read_bytes()[:-200])
        case "tensors":
            safetensors.torch.save_file({"a": torch.zeros(3)}, path)
        case "missing key":
            del values["step"]
        case "extra key":
            values["colour"] = 1
        case "config":
            values["config"] = {"colour": 1}
        case "format":
            values["format"] = "cnncompress-checkpoint-99"
        case "part":
            tensors["elsewhere/a"] = torch.zeros(3)
        case "list":
            values = [1, 2]
        case "betas":
            values["parameter_groups"] = 5
    if kind not in ("empty", "text", "cut", "tensors"):
        write_tensors(path, tensors, json.dumps(values))
    with pytest.raises(InvalidModel, match=r"run\.pt: not a checkpoint") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="no such file"):
        load_checkpoint(tmp_path / "none.pt")
