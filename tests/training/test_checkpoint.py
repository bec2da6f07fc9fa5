"""Checkpoints: everything comes back, code does not run, and a broken write leaves the old file."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cnncompress.errors import InvalidModel
from cnncompress.nn.config import ModelConfig
from cnncompress.training import checkpoint as checkpoint_module
from cnncompress.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from cnncompress.training.config import TrainConfig


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
        rng=torch.get_rng_state(),
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
    assert [each.name for each in path.parent.iterdir()] == ["run.pt"]


def test_interrupted_write_leaves_the_old_one(
    state: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.pt"
    save_checkpoint(state, path)
    before = path.read_bytes()

    def interrupted(values: object, target: Path) -> None:
        target.write_bytes(b"only the beginn")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint_module.torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(replace(state, step=99), path)
    assert path.read_bytes() == before
    assert load_checkpoint(path).step == 17


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
    torch.save({**vars(state), "environment": Payload(target)}, tmp_path / "bad.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Payload(target), protocol=2))
    for name in ("bad.pt", "plain.pt"):
        with pytest.raises(InvalidModel, match="not a checkpoint") as caught:
            load_checkpoint(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert not target.exists()


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "list", "tensor", "missing key", "extra key", "config"])
def test_what_is_no_checkpoint(state: Checkpoint, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    save_checkpoint(state, path)
    values = torch.load(path, weights_only=True)
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_bytes(b"hello there, this is a text")
        case "cut":
            path.write_bytes(path.read_bytes()[:-200])
        case "list":
            torch.save([1, 2], path)
        case "tensor":
            torch.save(torch.zeros(3), path)
        case "missing key":
            del values["step"]
            torch.save(values, path)
        case "extra key":
            torch.save({**values, "colour": 1}, path)
        case "config":
            torch.save({**values, "config": '{"colour": 1}'}, path)
    with pytest.raises(InvalidModel, match=r"run\.pt: not a checkpoint") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="No such file"):
        load_checkpoint(tmp_path / "none.pt")
