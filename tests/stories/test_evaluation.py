"""``eval`` and ``plot``, and the tables in scripts/, run as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / "scripts").is_dir(), reason="no scripts beside the tests")


def _run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a script, by its name, or a command of cnncompress."""
    environment = {name: value for name, value in os.environ.items() if name != "CNNCOMPRESS_DATA"}
    environment["PYTHONPATH"] = str(ROOT)
    started = [str(ROOT / "scripts" / program)] if program.endswith(".py") else ["-m", "cnncompress", program]
    command = [sys.executable, "-W", "error", *started, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
def test_measure_then_add_a_codec_then_report_and_plot(tmp_path: Path) -> None:
    image = tmp_path / "coffee.png"
    Image.fromarray(data.coffee()[100:164, 150:230]).save(image)

    few = ("--metrics", "psnr,cvvdp", "--points", "4")
    first = _run("eval", image, "--codecs", "jpeg", *few, "-o", tmp_path / "jpeg.json")
    assert first.returncode == 0, first.stderr
    assert "jpeg: mean of 1 images" in first.stdout
    assert "BD-rate" not in first.stdout
    assert "CUDA" not in first.stderr

    both = tmp_path / "both.json"
    reused = ("--codecs-from", tmp_path / "jpeg.json")
    second = _run("eval", image, "--codecs", "webp", *few, *reused, "-o", both)
    assert second.returncode == 0, second.stderr
    assert "BD-rate of jpeg in % by PSNR" in second.stdout
    assert "BD-rate of jpeg in % by ColorVideoVDP" in second.stdout
    codecs = json.loads(both.read_text())["codecs"]
    assert [codec["codec"] for codec in codecs] == ["jpeg", "webp"]
    assert [len(codec["rows"]) for codec in codecs] == [4, 4]

    other = tmp_path / "other.png"
    Image.fromarray(data.coffee()[:64, :64]).save(other)
    refused = _run("eval", image, other, "--codecs", "webp", "--codecs-from", both)
    assert refused.returncode == 3
    assert "other images" in refused.stderr

    report = _run("report_rd.py", both)
    assert (report.returncode, report.stdout) == (0, second.stdout)

    other_way = _run("report_rd.py", both, "--of", "webp", "--markdown")
    assert other_way.returncode == 0, other_way.stderr
    assert other_way.stdout.startswith("| `webp` against | PSNR | ColorVideoVDP |")

    plot = _run("plot", both, "-o", tmp_path / "rd.svg", "--metric", "cvvdp", "--codec", "webp", "--title", "Coffee")
    assert plot.returncode == 0, plot.stderr
    unknown = _run("plot", both, "-o", tmp_path / "other.svg", "--codec", "avif")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("cnncompress: no codec 'avif' in the results; they have jpeg, webp\n")
    text = (tmp_path / "rd.svg").read_text()
    assert ">webp<" in text and "ColorVideoVDP" in text
    assert ">jpeg<" not in text


def test_images_that_cannot_be_read_are_named_and_left_out(tmp_path: Path) -> None:
    photograph = Image.fromarray(data.coffee()[100:164, 150:230])
    photograph.save(tmp_path / "good.png")
    (tmp_path / "damaged.png").write_bytes((tmp_path / "good.png").read_bytes()[:200])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    few = ("--codecs", "jpeg", "--points", "2", "--metrics", "psnr")

    whole = _run("eval", tmp_path, *few)
    assert whole.returncode == 1, whole.stderr
    assert whole.stdout.startswith("jpeg: mean of 1 images")
    assert whole.stderr.splitlines() == [
        f"cnncompress: {tmp_path}/damaged.png: the image is damaged or truncated",
        f"cnncompress: {tmp_path}/text.png: not an image in a supported format",
        "cnncompress: skipped 2 files that are not supported images: 1 .heic, 1 .txt",
    ]
    for names, code in ((["damaged.png"], 3), (["damaged.png", "text.png"], 1)):
        none = _run("eval", *(tmp_path / name for name in names), *few)
        assert (none.returncode, none.stdout) == (code, ""), none.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["eval", "no-such-set", "--codecs", "jpeg"], 3, "CNNCOMPRESS_DATA"),
        (["eval", ".", "--codecs", "gif"], 2, "'gif' is not one of cnc, jpeg"),
        (["eval", ".", "--codecs", "jpeg", "--metrics", "looks"], 2, "'looks' is not one of psnr"),
        (["eval", ".", "-q", "10,abc"], 2, "numbers with commas"),
        (["eval", ".", "--threads", "0"], 2, "expected 1 to"),
        (["eval", ".", "--label", "jpeg"], 2, "--label: 'jpeg' is another codec"),
        (["eval", ".", "--codecs", "jpeg", "-q", "50"], 2, "--quality needs cnc in --codecs"),
        (["eval", ".", "--codecs", "jpeg,webp", "--model", "base"], 2, "--model needs cnc in --codecs"),
        (["eval", ".", "--codecs", "cnc", "--points", "3"], 2, "--points needs a codec other than cnc in --codecs"),
        (["eval", ".", "--codecs", "jpeg", "-f"], 2, "--force needs --output"),
        (
            ["eval", ".", "--codecs", "cnc", "--model", "none", "--codecs-from", "none.json"],
            3,
            "none.json: no such file",
        ),
        (["eval", ".", "--anchor", "vtm"], 2, "--anchor needs --anchors"),
        (["plot", "no-such.json", "-o", "rd.svg", "--anchor", "vtm"], 2, "--anchor needs --anchors"),
        (["report_rd.py", "no-such.json"], 3, "no-such.json: no such file or directory"),
        (["plot", "no-such.json", "-o", "rd.svg", "--metric", "looks"], 2, "'looks' is not one of"),
        (["plot", "no-such.json", "-o", "rd.svg"], 3, "no-such.json: no such file or directory"),
    ],
)
def test_errors_of_the_user_are_one_line(arguments: list[str], code: int, message: str) -> None:
    run = _run(*arguments)
    assert run.returncode == code, run.stderr
    assert message in run.stderr
    assert "Traceback" not in run.stderr


def test_a_model_is_looked_for_before_anything_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "flat.png")
    few = ("--codecs", "jpeg,cnc", "--points", "2", "--metrics", "psnr", "-o", tmp_path / "results.json")
    given = _run("eval", tmp_path / "flat.png", *few, "--model", "none")
    monkeypatch.setenv("CNNCOMPRESS_MODEL", "none")
    for run in (given, _run("eval", tmp_path / "flat.png", *few)):
        assert run.returncode == 6 and "no model named 'none'" in run.stderr
        assert not (tmp_path / "results.json").exists()  # jpeg would have been written


def test_typical_figures_are_those_of_the_results(tmp_path: Path) -> None:
    shipped = (ROOT / "models" / "manifest.json").read_text()
    values = json.loads(shipped)
    default = next(model for model in values["models"] if model["name"] == values["default"])
    figures = default.pop("typical")
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(values))
    kodak = ROOT / "docs" / "results" / "kodak.json"
    written = _run("typical.py", values["default"], kodak, "--directory", tmp_path)
    assert written.returncode == 0, written.stderr
    assert manifest.read_text() == shipped
    assert written.stdout.splitlines()[-1] == f"quality 100: {figures['bpp'][-1]:.4f} bpp, {figures['psnr'][-1]:.2f} dB"

    default["sha256"] = "0" * 64
    manifest.write_text(json.dumps(values))
    for arguments in ((values["default"], kodak), ("another", kodak), (values["default"], manifest)):
        refused = _run("typical.py", *arguments, "--directory", tmp_path)
        assert refused.returncode == 1 and refused.stderr.startswith("typical: ")
        assert refused.stderr.count("\n") == 1
    assert "typical" not in manifest.read_text()
