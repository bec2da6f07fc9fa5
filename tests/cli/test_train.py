"""``cnncompress train``: from a folder of images to a model that compresses, interrupted and resumed."""

from __future__ import annotations

import contextlib
import json
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from command_line import run
from PIL import Image

from cnncompress.api.codec import Codec
from cnncompress.cli import training_progress
from cnncompress.model.manifest import read_manifest
from cnncompress.model.weights import load_weights
from cnncompress.training.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("few_counted_images")

MINUTES = "0.01"


@pytest.fixture(scope="module")
def fresh(photos: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model, trained for half a second from nothing."""
    path = tmp_path_factory.mktemp("models") / "fresh.safetensors"
    args = ("--from", "none", "--config", config, "--minutes", MINUTES, "--device", "cpu")
    result = run("train", photos, "-o", path, *args)
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr
    lines = result.stderr.splitlines()
    assert lines[0] == "9 training images, 1 held out for validation"
    assert any(re.fullmatch(r"minute 0\.\d of 0\.01, step \d+, loss \d+\.\d{4}", line) for line in lines)
    fingerprint = load_weights(path).fingerprint.hex()
    assert lines[-1] == f"{path}: model {fingerprint}; compress and decompress with --model {path}"
    assert list(path.parent.iterdir()) == [path], "no checkpoint is left"
    return path


def test_the_model_works_by_its_path(fresh: Path, photos: Path, tmp_path: Path) -> None:
    packed, back = tmp_path / "image.cnc", tmp_path / "back.png"
    options = ("--model", fresh, "--device", "cpu")
    assert run("compress", *options, photos / "3.png", packed).exit_code == 0
    assert load_weights(fresh).fingerprint.hex() in run("info", packed).stdout
    assert run("decompress", packed, back).exit_code == 6, "no installed model"
    assert run("decompress", *options, packed, back).exit_code == 0
    before, after = (np.asarray(Image.open(path), float) for path in (photos / "3.png", back))
    assert before.shape == after.shape
    assert np.mean((before - after) ** 2) < 2000  # 15 dB with eight coefficients per patch


def test_training_on_from_a_model(fresh: Path, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "tuned.safetensors"
    result = run("train", photos, "-o", path, "--from", fresh, "--minutes", MINUTES, "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    text = result.stderr
    assert re.search(r"^validation loss \d+\.\d{4} before, \d+\.\d{4} after \([+-]\d+\.\d %\)$", text, re.MULTILINE)
    assert re.search(r"^quality +bpp before +PSNR before +bpp after +PSNR after$", text, re.MULTILINE)
    assert [line.split()[0] for line in text.splitlines()[-5:-2]] == ["0", "50", "100"]
    assert load_weights(path).config == load_weights(fresh).config
    assert Codec(path, "cpu").fingerprint != Codec(fresh, "cpu").fingerprint


def interrupting(
    number: signal.Signals, step: int
) -> Callable[..., contextlib.AbstractContextManager[training_progress.Show]]:
    """A display that sends this process a signal at a step."""

    @contextlib.contextmanager
    def display(minutes: float, start: float, *, quiet: bool) -> Iterator[training_progress.Show]:
        def show(done: int, used: float, loss: float) -> None:
            if done == step:
                signal.raise_signal(number)

        yield show

    return display


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_and_resumed(
    number: signal.Signals, exit_code: int, photos: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.safetensors"
    checkpoint = tmp_path / "mine.safetensors.checkpoint"
    args = ("train", photos, "-o", path, "--from", "none", "--config", config, "--device", "cpu", "--minutes")
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with monkeypatch.context() as patch:
        patch.setattr(training_progress, "display", interrupting(number, 3))
        result = run(*args, "60")
    assert result.exit_code == exit_code
    assert (result.stdout, load_checkpoint(checkpoint).step) == ("", 3)
    message = r"stopped at minute \d+\.\d of 60; the same command resumes it"
    assert re.fullmatch(message, result.stderr.splitlines()[-1])
    assert list(tmp_path.iterdir()) == [checkpoint]
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers

    other = run(*args, "60", "--seed", "2")
    assert other.exit_code == 5
    expected = f"cnncompress: {checkpoint}: checkpoint of a run with other settings (seed)"
    assert other.stderr.startswith(expected) and other.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [checkpoint]

    result = run(*args, "0.02", "--held-out", "0")  # one of them is held out already
    assert result.exit_code == 0, result.stderr
    assert re.search(r"^resumed at minute \d+\.\d of 0\.02$", result.stderr, re.MULTILINE)
    assert "a resumed run keeps its held-out images" in result.stderr
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_is_finished_with_other_settings(photos: Path, config: Path, tmp_path: Path) -> None:
    """A run at a constant rate keeps its checkpoint, and another one takes its steps, its minutes and its images."""
    trunk, model = tmp_path / "trunk.safetensors", tmp_path / "finished.safetensors"
    first, second = (f"{{fraction=0.5,crop=64,batch=2,last_rate={rate}}}" for rate in (1.0, 0.0))
    constant = ("--set", f"phases=[{first},{first}]", "--set", "learning_rate=1e-4", "--no-export")
    args = ("--config", config, "--from", "none", "--minutes", MINUTES, "--held-out", "0")
    result = run("train", photos, "-o", trunk, *args, *constant)
    assert result.exit_code == 0, result.stderr
    checkpoint = tmp_path / "trunk.safetensors.checkpoint"
    assert re.search(rf"^{checkpoint}: the run, after \d+ steps$", result.stderr, re.MULTILINE)
    assert list(tmp_path.iterdir()) == [checkpoint]
    begun = load_checkpoint(checkpoint)
    assert (begun.config.learning_rate, begun.config.ema_seconds, begun.held_out) == (1e-4, 1.0, ())

    falling = ("--set", f"phases=[{first},{second}]", "--minutes", "0.02")
    result = run("train", photos, "-o", model, "--from", checkpoint, *falling, "--no-export")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[:2] == [
        "10 training images, 0 held out for validation",
        f"resumed at minute {begun.seconds / 60:.1f} of 0.02",
    ]
    done = load_checkpoint(tmp_path / "finished.safetensors.checkpoint")
    assert done.step > begun.step and done.seconds >= 1.2 > begun.seconds
    assert (done.config.learning_rate, done.config.phases[1].last_rate) == (1e-4, 0.0)
    assert load_checkpoint(checkpoint).step == begun.step

    # The same command again, but for the model: it has nothing left to train.
    assert run("train", photos, "-o", model, "--from", checkpoint, *falling).exit_code == 0
    assert load_weights(model).config == begun.config.model
    assert {path.name for path in tmp_path.iterdir()} == {checkpoint.name, model.name}


def test_verbose_and_stopping_after_a_time(
    photos: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Loading counts; on a busy machine it would take all of the time.
    monkeypatch.setattr("cnncompress.training.session.time", SimpleNamespace(monotonic=lambda: 0.0))
    path = tmp_path / "mine.safetensors"
    args = ("--from", "none", "--config", config, "--minutes", "60", "--stop-after", "0.01", "--clock", "cpu")
    result = run("train", photos, "-o", path, *args, "--verbose", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    lines = result.stderr.splitlines()
    assert lines[1].startswith("phase Phase(fraction=0.5, crop=64, ")
    assert any(line.startswith("validation loss ") for line in lines)
    assert re.fullmatch(r"stopped at minute \d+\.\d of 60; the same command resumes it", lines[-1])
    assert load_checkpoint(path.with_name("mine.safetensors.checkpoint")).step >= 1


@pytest.mark.parametrize(
    ("held_out", "code", "messages"),
    [
        (["3.png", "elsewhere/8.png", "gone.png"], 0, ["8 training images, 2 held out for validation"]),
        (["gone.png"], 3, ["cnncompress: none of the 1 held-out images of base was found"]),
        ([], 6, ["cnncompress: the manifest names no held-out images of base"]),
        (None, 6, ["cnncompress: no model named 'base' to hold out the same images"]),
    ],
)
def test_the_images_of_a_model_are_held_out(
    held_out: list[str] | None,
    code: int,
    messages: list[str],
    photos: Path,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = {**asdict(read_manifest().entries[0]), "name": "base", "training": {"held_out": held_out}}
    manifest = {"schema": 1, "default": "base", "models": [entry] if held_out is not None else []}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("CNNCOMPRESS_MODEL_DIR", str(tmp_path))
    args = ("--from", "none", "--config", config, "--minutes", "0.0001", "--held-out", "base", "--no-export")
    result = run("train", photos, "-o", tmp_path / "m.safetensors", *args)
    assert (result.exit_code, result.stderr.splitlines()[:1]) == (code, messages)


def test_interrupted_while_the_model_is_written(
    photos: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cnncompress.training.session.export_weights", interrupt)
    path = tmp_path / "mine.safetensors"
    result = run("train", photos, "-o", path, "--from", "none", "--config", config, "--minutes", "0.001")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "stopped; the same command resumes it"
    assert [each.name for each in tmp_path.iterdir()] == ["mine.safetensors.checkpoint"]


def test_quiet_and_threads(
    photos: Path, config: Path, tmp_path: Path, threads: Callable[[int], contextlib.AbstractContextManager[None]]
) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"old")
    with threads(torch.get_num_threads()):
        args = ("--from", "none", "--config", config, "--minutes", "0.001", "--threads", "1", "--quiet", "-f")
        result = run("train", photos / "1.png", "-o", path, *args)
        assert torch.get_num_threads() == 1
    assert (result.exit_code, result.output) == (0, "")
    assert load_weights(path).config.latent_channels == 8
