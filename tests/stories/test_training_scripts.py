"""The scripts that train and profile a step, run as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

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
