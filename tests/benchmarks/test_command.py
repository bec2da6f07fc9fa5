"""``python benchmarks``: its commands, run as a user runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

ROOT = Path(__file__).parents[2]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CNNCOMPRESS_DATA"}
    command = [sys.executable, "-W", "error", str(ROOT / "benchmarks"), *map(str, arguments)]
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A small photograph."""
    path = tmp_path / "coffee.png"
    Image.fromarray(data.coffee()[100:196, 150:278]).save(path)
    return path


@pytest.mark.slow
def test_effort(image: Path, random_model: Path, tmp_path: Path) -> None:
    options = ("--model", random_model, "--device", "cpu", "--levels", "1", "-o", tmp_path / "effort.json")
    done = run("effort", "--image", image, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 images, 1 threads, ")
    assert [line[:4] for line in done.stdout.splitlines()[-2:]] == ["| 0 ", "| 1 "]
    assert (tmp_path / "effort.json").exists()


@pytest.mark.parametrize("words", [("effort",), ("versions", "--before", ROOT)])
def test_results_are_replaced_with_f_only(words: tuple[str | Path, ...], image: Path, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("figures of last week")
    refused = run(*words, "--image", image, "--output", tmp_path / "old.json")
    assert refused.returncode == 5 and "old.json: exists already; -f replaces it" in refused.stderr
    assert (tmp_path / "old.json").read_text() == "figures of last week"


@pytest.mark.slow
def test_files_and_large_images(random_model: Path) -> None:
    options = ("--model", random_model, "--device", "cpu", "--quality", "30")
    done = run("files", "--count", "2", *options)
    assert done.returncode == 0, done.stderr
    assert "\n2 images, " in done.stdout and "one run is" in done.stdout
    done = run("large", "--sizes", "0.02", *options)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^ +0\.0 MP, .* compress .* \(1\.00x\)", done.stdout, re.MULTILINE)
    assert done.stdout.splitlines()[-1].startswith("tiles change the size of a file of 4 MP by ")


@pytest.mark.slow
def test_versions(image: Path, random_model: Path, tmp_path: Path) -> None:
    few = ("--repeat", "1", "--photographs", "2", "--small", "9", "--side", "16", "--side", "32", "--threads", "1")
    more = ("--image", image, "--images", image, "--model", random_model, "-o", tmp_path / "versions.json")
    done = run("versions", "--before", ROOT, *few, *more)
    assert done.returncode == 0, done.stderr
    first, _, head, _, *rows = done.stdout.splitlines()
    assert first.startswith("coffee.png, 128x96, quality 50; 1 threads, ")
    assert re.match(r"\|  \| before `[^`]+` \| this `[^`]+` \| gain \|", head)
    figures = [row.split(" | ")[0][2:] for row in rows[: rows.index("")]]
    assert figures == [
        "compress, whole process, s",
        "compress, CPU time, s",
        "compress, peak memory, MiB",
        "size of the file, bytes",
        "decompress, whole process, s",
        "decompress, CPU time, s",
        "decompress, peak memory, MiB",
        "compress beside 1 busy loop, s",
        "compress beside 1 busy loop, CPU time, s",
        "compress, model loaded, ms",
        "decompress, model loaded, ms",
        "2 photographs, 2 MP, MP/s",
        "9 images of 16x16, images/s",
        "9 images of 32x32, images/s",
    ]
    assert re.search(r"\| ([\d,]+) \| \1 \| 1\.00x \|", rows[3])
    assert (tmp_path / "versions.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["effort", "--threads", "0"], 2, "expected 1 to"),
        (["effort", "--levels", "10"], 1, "levels are 0 .. 9"),
        (["effort"], 3, "set CNNCOMPRESS_DATA for names of data sets"),
        (["versions", "--before", "no-such-folder"], 2, "no-such-folder"),
        (["versions", "--before", str(ROOT / "docs"), "--threads", "1"], 1, "no checkout of cnncompress in"),
        (["large", "--sizes", "1,x"], 2, "numbers with commas"),
        (["large", "--sizes", "0,1"], 2, "numbers above 0"),
    ],
)
def test_errors_of_the_user_are_one_line(arguments: list[str], code: int, message: str) -> None:
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_scale(image: Path, random_model: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    options = ("--image", image, "--model", random_model, "--device", "cpu", "--rounds", "1", "--count", "4")
    done = run("scale", *options, "--names", "1000", "--files", "50", "--members", "10")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("  ")]
    assert [re.split(r" {2,}|:", line.strip())[0] for line in lines[:7]] == [
        *("one process", "Ray", "shards", "shard 0/100 of 1,000 names", "all of 50 files", "1 images", "10 images")
    ]
    assert re.fullmatch(r"  1e\+09 of them: [\d,]+ core hours, .* TB in, [\d,]+ TB out", lines[-1])
