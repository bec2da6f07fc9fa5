"""``cnncompress train``: from a folder of images to a model that compresses, interrupted and resumed."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from cnncompress.api import Codec
from cnncompress.cli import training_progress
from cnncompress.cli.main import program
from cnncompress.cli.train import check_packages
from cnncompress.errors import MissingPackage
from cnncompress.model.manifest import read_manifest
from cnncompress.model.weights import load_weights
from cnncompress.training.checkpoint import load_checkpoint
from cnncompress.training.export import counting_images

TOML = """
warmup_steps = 2
ema_seconds = 1.0

[model]
latent_channels = 8
hyper_channels = 4
width_8 = 8
width_16 = 12
blocks_8 = 1
blocks_16 = 1
hyper_width = 8
hyper_features = 8
scale_width = 8
context_width = 8
lambdas = [0.001, 0.01, 0.1]

[[phases]]
fraction = 0.5
crop = 64
batch = 2

[[phases]]
fraction = 0.5
crop = 64
batch = 2
last_rate = 0.0
simulate_integers = true
"""
MINUTES = "0.01"


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(program, [str(arg) for arg in args], prog_name="cnncompress")


@pytest.fixture(scope="module", autouse=True)
def few_counted_images() -> Iterator[None]:
    """Tables counted on fewer images than a real model's, to save time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnncompress.training.session.counting_images", partial(counting_images, count=8))
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, chelsea: NDArray[np.uint8]) -> Path:
    """Ten overlapping parts of a photograph, of which one is held out."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(10):
        Image.fromarray(chelsea[4 * index : 4 * index + 256, 19 * index : 19 * index + 256]).save(
            folder / f"{index}.png", compress_level=1
        )
    return folder


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(TOML)
    return path


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


def test_verbose_and_stopping_after_a_time(photos: Path, config: Path, tmp_path: Path) -> None:
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


def test_networks_that_the_codec_does_not_run(photos: Path, config: Path, tmp_path: Path) -> None:
    path = tmp_path / "article.safetensors"
    args = ("train", photos, "-o", path, "--from", "none", "--config", config, "--minutes", "0.001")
    article = ("--set", "network='seed-article'")
    result = run(*args, *article)
    assert result.exit_code == 6
    assert result.stderr == ("cnncompress: a seed-article network cannot be exported, as the codec does not run it\n")
    assert run(*args, *article, "--no-export").exit_code == 0
    assert load_checkpoint(tmp_path / "article.safetensors.checkpoint").config.network == "seed-article"


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


def test_checks_before_the_work(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise AssertionError("too late")

    monkeypatch.setattr("cnncompress.cli.train.check_packages", fail)
    existing = tmp_path / "old.safetensors"
    existing.write_bytes(b"old")
    missing = tmp_path / "missing"
    for args, exit_code, message in [
        ((photos, "-o", existing), 5, f"cnncompress: {existing}: exists already; -f replaces it\n"),
        ((photos, "-o", missing / "m.safetensors"), 5, f"{missing}/m.safetensors: no such folder: {missing}\n"),
        ((photos, missing, "-o", tmp_path / "m.safetensors"), 3, f"{missing}: no such file or directory\n"),
        ((photos, "-o", tmp_path / "m.pt"), 2, "OUTPUT must end in .safetensors"),
        ((photos, "-o", "-"), 2, "OUTPUT must end in .safetensors"),
        ((photos,), 2, "Missing option '-o'"),
        (("-o", tmp_path / "m.safetensors"), 2, "Missing argument 'IMAGES...'"),
        ((photos, "-o", tmp_path / "m.safetensors", "--minutes", "0"), 2, "is not in the range x>0"),
        ((photos, "-o", tmp_path / "m.safetensors", "--minutes", "nan"), 2, "nan is not a finite number"),
        ((photos, "-o", tmp_path / "m.safetensors", "--minutes", "inf"), 2, "inf is not a finite number"),
    ]:
        result = run("train", *args)
        assert (result.exit_code, result.stdout) == (exit_code, ""), result.stderr
        assert message in result.stderr
    assert existing.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        (["--from", "no-such-model"], 6, "no model named 'no-such-model'"),
        (["--from", "missing/model.safetensors"], 6, "no weights file missing/model.safetensors"),
        (["--device", "cuda:99"], 7, "device cuda:99 is not available"),
        (["--config", "missing.toml"], 2, "missing.toml: No such file"),
        (["--config", "odd.toml"], 2, "odd.toml: unknown TrainConfig keys: learning_speed"),
        (["--config", "phase.toml"], 2, "phase.toml: "),
        (["--config", "shape.toml"], 6, "another shape than the one to start from"),
        (["--set", "model.width_8=8"], 6, "another shape than the one to start from"),
        (["--set", "learning_speed=1"], 2, "unknown TrainConfig keys: learning_speed"),
        (["--set", "seed"], 2, "setting 'seed': "),
        (["--set", "model.fine_channels=320"], 2, "fine_channels is 320, must be less than 320"),
        (["--quiet", "--verbose"], 2, "--quiet and --verbose exclude each other."),
    ],
)
def test_what_is_asked_for_is_not_there(
    options: list[str], exit_code: int, message: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("odd.toml").write_text("learning_speed = 1\n")
    Path("phase.toml").write_text("[[phases]]\nfraction = 1.0\n")
    Path("shape.toml").write_text("[model]\nwidth_8 = 8\n")
    result = run("train", photos, "-o", "m.safetensors", *options)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert message in result.stderr.splitlines()[-1]
    assert not list(tmp_path.glob("m.*"))


def test_images_that_cannot_be_trained_on(config: Path, tmp_path: Path) -> None:
    folder, output = tmp_path / "folder", tmp_path / "m.safetensors"
    folder.mkdir()
    args = ("train", folder, "-o", output, "--from", "none", "--config", config)
    result = run(*args)
    assert (result.exit_code, result.stderr) == (
        3,
        "cnncompress: no images of at least 64x64 pixels among the sources\n",
    )
    Image.new("RGB", (63, 200)).save(folder / "small.png")
    assert run(*args).exit_code == 3
    (folder / "small.png").unlink()
    (folder / "more.tar").write_bytes(b"no tar")
    result = run(*args)
    assert (result.exit_code, result.stderr.count("\n")) == (3, 2)
    assert result.stderr.startswith(f"left out: {folder}/more.tar: ")
    assert not output.exists()


def test_unreadable_images_are_left_out(photos: Path, config: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes((photos / "1.png").read_bytes()[:5000])
    args = ("--from", "none", "--config", config, "--minutes", "0.001")
    result = run("train", tmp_path / "cut.png", photos / "1.png", "-o", tmp_path / "m.safetensors", *args)
    assert result.exit_code == 0
    first, second = result.stderr.splitlines()[:2]
    assert first.startswith("left out: cut.png: ")
    assert second == "1 training images, 0 held out for validation"


def test_damaged_checkpoint(photos: Path, config: Path, tmp_path: Path) -> None:
    output = tmp_path / "m.safetensors"
    output.with_name("m.safetensors.checkpoint").write_bytes(b"no checkpoint")
    result = run("train", photos, "-o", output, "--from", "none", "--config", config)
    assert (result.exit_code, result.stderr.count("\n")) == (6, 1)
    assert "m.safetensors.checkpoint: not a checkpoint" in result.stderr


class Refusal:
    """Finds every module but those of torchvision, whose import fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".")[0] == "torchvision":
            raise self.error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ModuleNotFoundError("No module named 'torchvision'", name="torchvision"),
            "training needs more packages: pip install 'cnncompress[train]'",
        ),
        (
            RuntimeError("operator torchvision::nms does not exist"),
            "torchvision does not match the installed torch: operator torchvision::nms does not exist",
        ),
    ],
)
def test_missing_packages(
    error: Exception, message: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = [name for name in sys.modules if name.split(".")[0] == "torchvision"]
    for name in ["cnncompress.training.session", "cnncompress.training.data", *forgotten]:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Refusal(error), *sys.meta_path])
    with pytest.raises(MissingPackage):
        check_packages()
    result = run("train", photos, "-o", tmp_path / "m.safetensors")
    assert (result.exit_code, result.stdout, result.stderr) == (7, "", f"cnncompress: {message}\n")
