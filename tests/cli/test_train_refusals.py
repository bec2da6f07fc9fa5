"""``cnncompress train``: what it refuses, before the work and during it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import run
from loaded_modules import forget
from PIL import Image

from cnncompress.cli.train import check_packages
from cnncompress.errors import MissingPackage
from cnncompress.training.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("few_counted_images")


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
    forget(monkeypatch, "torchvision", "cnncompress.training")
    monkeypatch.setattr(sys, "meta_path", [Refusal(error), *sys.meta_path])
    with pytest.raises(MissingPackage):
        check_packages()
    result = run("train", photos, "-o", tmp_path / "m.safetensors")
    assert (result.exit_code, result.stdout, result.stderr) == (7, "", f"cnncompress: {message}\n")


def test_networks_that_the_codec_does_not_run(photos: Path, config: Path, tmp_path: Path) -> None:
    path = tmp_path / "article.safetensors"
    args = ("train", photos, "-o", path, "--from", "none", "--config", config, "--minutes", "0.001")
    article = ("--set", "network='seed-article'")
    result = run(*args, *article)
    assert result.exit_code == 6
    assert result.stderr == ("cnncompress: a seed-article network cannot be exported, as the codec does not run it\n")
    assert run(*args, *article, "--no-export").exit_code == 0
    assert load_checkpoint(tmp_path / "article.safetensors.checkpoint").config.network == "seed-article"
