"""The scripts that train and profile a step, run as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from random_model import write_random_model

from cnncompress.model.manifest import read_manifest
from cnncompress.training.checkpoint import load_checkpoint

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / "scripts").is_dir(), reason="no scripts beside the tests")

WIDTHS = (
    "latent_channels=8",
    "hyper_channels=4",
    "width_1=4",
    "width_8=8",
    "width_16=8",
    "hyper_width=8",
    "hyper_features=8",
)
MORE_WIDTHS = ("scale_width=8", "context_width=8", "blocks_8=1", "blocks_16=1")
TINY = [f"model.{width}" for width in (*WIDTHS, *MORE_WIDTHS)] + ["phases=[{fraction=1.0,crop=64,batch=2}]"]


@pytest.fixture
def photographs(tmp_path: Path, coffee: NDArray[np.uint8]) -> Path:
    """A folder of ten photographs of 256x256 pixels."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for index in range(10):
        Image.fromarray(coffee[:256, 20 * index : 20 * index + 256]).save(folder / f"{index}.png")
    return folder


def run(script: str, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
def test_profile_of_a_step() -> None:
    settings = [argument for setting in TINY for argument in ("--set", setting)]
    done = run("profile_step.py", *settings, "--crop", "64", "--batch", "2", "--repeats", "1", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert "plain 3x3 convolution, 8 channels at 1/8" in done.stdout
    assert "aten::" in done.stdout


@pytest.mark.slow
def test_a_model_is_widened_trained_and_resumed(tmp_path: Path, photographs: Path) -> None:
    model, output = tmp_path / "model.safetensors", tmp_path / "wide.safetensors"
    write_random_model(model)
    arguments = (photographs, "--from", model, "--set", TINY[-1], "--widen", "16", "--held-out", "0", "-o", output)
    for begun in ("10 training images, 0 held out\nphase", "resumed at step 1, "):
        done = run("train.py", *arguments, "--max-steps", "1")
        assert done.returncode == 0 and begun in done.stdout, done.stderr
    checkpoint = load_checkpoint(output)
    assert (checkpoint.step, checkpoint.config.model.bands) == (2, (8, 8))

    refused = run("train.py", *arguments, "--no-resume", "--widen", "8")
    assert refused.returncode == 1 and refused.stderr == "train: 8 channels, must be within 9 .. 768\n"
    without = run("train.py", photographs, "--widen", "16")
    assert without.returncode == 2 and "--widen needs --from" in without.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("held_out", "code", "stdout", "stderr"),
    [
        (["3.png", "elsewhere/8.png", "gone.png"], 0, "8 training images, 2 held out\n", ""),
        (["gone.png"], 1, "", "train: none of the 1 images that base holds out is there\n"),
        (None, 1, "", "train: no model named 'base' to hold out the same images\n"),
    ],
)
def test_the_images_of_a_model_are_held_out(
    held_out: list[str] | None, code: int, stdout: str, stderr: str, tmp_path: Path, photographs: Path
) -> None:
    entry = {**asdict(read_manifest().entries[0]), "name": "base", "training": {"held_out": held_out}}
    manifest = {"schema": 1, "default": "base", "models": [entry] if held_out is not None else []}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    settings = [argument for setting in TINY for argument in ("--set", setting)]
    arguments = ("--held-out", "base", "--minutes", "0", "--no-final-validation", "-o", tmp_path / "run.pt")
    done = run("train.py", photographs, *settings, *arguments, CNNCOMPRESS_MODEL_DIR=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (code, stdout, stderr)
