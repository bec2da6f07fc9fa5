"""The slim install: everything but a GPU and training, while torch cannot be imported.

`.ci/run` does the same in an environment in which torch is not installed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = """
import sys
sys.modules["torch"] = None
from cnncompress.cli.main import main
sys.argv = ["cnncompress", *sys.argv[1:]]
main()
"""


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def photo(tmp_path: Path, coffee: np.ndarray) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(coffee[100:200, 200:330]).save(path)
    return path


def test_files_there_and_back(photo: Path, tmp_path: Path) -> None:
    packed, back = tmp_path / "photo.cnc", tmp_path / "back.png"
    for arguments in (
        ("compress", photo, packed, "-e", "4", "--tile", "64", "--verify"),
        ("test", packed),
        ("info", packed),
        ("decompress", packed, back),
        ("decompress", packed, tmp_path / "small.png", "--scale", "1/4"),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), arguments
    with Image.open(back) as image:
        assert image.size == (130, 100)


@pytest.mark.slow
def test_pages_and_figures(photo: Path, tmp_path: Path, coffee: np.ndarray) -> None:
    Image.fromarray(coffee[:240, :260]).save(photo)
    page, packed = tmp_path / "report.html", tmp_path / "photo.cnc"
    for arguments in (
        ("report", photo, "-o", page, "-q", "60", "--against", "webp", "--quiet"),
        ("compress", photo, packed, "--coding", "learned"),
        ("info", "--bits", tmp_path / "bits.png", packed),
        ("compare", photo, packed, "--metrics", "psnr,ms-ssim,ssimulacra2"),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), arguments
    assert page.is_file() and (tmp_path / "bits.png").is_file()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--device", "cuda"), "device cuda with precision auto"),
        (("--precision", "bf16"), "device auto with precision bf16"),
        (("--engine", "torch"), "the engine torch"),
    ],
)
def test_what_needs_torch_says_how_to_install_it(
    photo: Path, tmp_path: Path, options: tuple[str, str], what: str
) -> None:
    done = run("compress", photo, tmp_path / "photo.cnc", *options)
    assert done.returncode == 7 and not (tmp_path / "photo.cnc").exists()
    assert done.stderr == f"cnncompress: {photo}: {what} needs PyTorch: pip install torch\n"


def test_training_needs_torch(photo: Path, tmp_path: Path) -> None:
    done = run("train", photo, "-o", tmp_path / "mine.safetensors")
    assert done.returncode == 7 and "pip install" in done.stderr and done.stderr.count("\n") == 1


def test_versions_are_told(tmp_path: Path) -> None:
    done = run("--version", "-v")
    assert done.returncode == 0 and "device cpu" in done.stdout
