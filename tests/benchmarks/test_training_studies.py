"""The studies that compare training runs and profile a step, run as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from run_report import RunReport, read_report, write_report

from cnncompress.training.validation import Validation

ROOT = Path(__file__).parents[2]

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


def run(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "studies" / script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
def test_rows_are_trained_compared_and_not_trained_again(tmp_path: Path, photographs: Path) -> None:
    rows = tmp_path / "rows.toml"
    named = {"first": TINY, "wider": [*TINY, "model.width_8=12"], "wrong": ["model.depth=3"]}
    rows.write_text("".join(f"[[row]]\nname = '{name}'\nset = {settings!r}\n" for name, settings in named.items()))

    runs = tmp_path / "runs"
    arguments = (rows, photographs, "-o", runs, "--minutes", "0.005", "--jobs", "1")
    done = run("ablate.py", *arguments)
    assert done.stdout == "first: done\nwider: done\nwrong: failed, see its log\n", done.stderr
    assert "unknown ModelConfig keys: depth" in (runs / "wrong.log").read_text()
    assert {path.name for path in runs.iterdir()} == {
        f"{name}.{ending}" for name in ("first", "wider") for ending in ("json", "log")
    } | {"wrong.log"}

    before = (runs / "first.json").stat().st_mtime_ns
    rows.write_text(f"[[row]]\nname = 'first'\nset = {TINY!r}\n")
    assert run("ablate.py", *arguments).stdout == "first: done\n"
    assert (runs / "first.json").stat().st_mtime_ns == before

    table = run("report_ablations.py", runs / "first.json", runs / "wider.json")
    assert table.returncode == 0, table.stderr
    header, _, first, wider = table.stdout.splitlines()
    assert header.startswith("| run | settings | parameters |")
    assert first.startswith("| first |") and "+0.00 %" in first
    assert "`model.width_8=12`" in wider

    refused = run("report_ablations.py", rows)
    assert (refused.returncode, refused.stdout) == (1, "") and "not a report of a training run" in refused.stderr


@pytest.mark.slow
def test_a_network_far_worse_than_the_first_is_in_the_table(tmp_path: Path) -> None:
    bpp = (0.1, 0.3, 0.9, 2.0)
    for name, psnr in (("first", (26.0, 30.0, 35.0, 40.0)), ("poor", (16.0, 18.0, 20.0, 21.0))):
        validation = Validation(loss=(1.0, 2.0, 3.0, 4.0), bpp=bpp, psnr=psnr)
        write_report(RunReport((), 8.0, "cpu", 1, "cpu", 100, 10_000, validation), tmp_path / f"{name}.json")
    table = run("report_ablations.py", tmp_path / "first.json", tmp_path / "poor.json")
    assert table.returncode == 0, table.stderr
    assert table.stdout.splitlines()[-1] == "| poor |  | 0.01 M | 100 | +0.00 % | no PSNR in common |"


@pytest.mark.slow
def test_budgets_share_the_steps_at_a_constant_rate(tmp_path: Path, photographs: Path) -> None:
    phases = "phases=[{fraction=0.5,crop=64,batch=2},{fraction=0.5,crop=64,batch=2,last_rate=0.0}]"
    rows = tmp_path / "rows.toml"
    rows.write_text(f"[[row]]\nname = 'tiny'\nset = {[*TINY[:-1], phases]!r}\n")
    runs = tmp_path / "runs"
    budgets = ("0.01", "0.03")
    done = run("ablate.py", rows, photographs, "-o", runs, *(f"--minutes={minutes}" for minutes in budgets))
    assert done.stdout == "tiny: done\n", done.stderr
    reports = [runs / f"tiny-{minutes}.json" for minutes in budgets]
    assert {path.name for path in runs.glob("*.json")} == {path.name for path in reports}
    assert not list(runs.glob("*.safetensors"))
    # One run made the common steps: half of each budget, and none of them twice.
    assert (runs / "tiny.log").read_text().count("tiny-constant.safetensors: resumed at step") == 1
    steps = [read_report(path).steps for path in reports]
    assert 0 < steps[0] < steps[1]

    plot = tmp_path / "scaling.svg"
    shown = run("plot_scaling.py", *reports, "-o", plot, "--at", "100", "--at", "1e4")
    assert shown.returncode == 0, shown.stderr
    assert "| tiny | 0.6" in shown.stdout and "| 100 | 10000 |" in shown.stdout
    assert ">tiny, 0.6 M<" in plot.read_text()


@pytest.mark.slow
def test_profile_of_a_step() -> None:
    settings = [argument for setting in TINY for argument in ("--set", setting)]
    done = run("profile_step.py", *settings, "--crop", "64", "--batch", "2", "--repeats", "1", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert "plain 3x3 convolution, 8 channels at 1/8" in done.stdout
    assert "aten::" in done.stdout
