"""``compare``: scores of pictures and .cnc files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cnncompress.api.calls import store_original
from cnncompress.api.codec import Codec
from cnncompress.evaluation.metrics import psnr

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def folder(codec: Codec, chelsea: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    picture = Image.fromarray(chelsea[:180, :200])
    picture.save(folder / "a.png")
    picture.save(folder / "a.jpg", quality=30)
    (folder / "a.cnc").write_bytes(codec.compress(picture, 60, coding="learned"))
    (folder / "exact.cnc").write_bytes(codec.compress(picture, coding="lossless"))
    return folder


def test_pictures_and_cnc_files(folder: Path) -> None:
    names = [folder / name for name in ("a.png", "a.jpg", "a.cnc", "exact.cnc")]
    result = run("compare", "--metrics", "psnr,ms-ssim", *names)
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows = (line.split() for line in result.stdout.splitlines())
    assert head == ["size", "bytes", "bpp", "PSNR", "dB", "MS-SSIM", "dB", "file"]
    assert [row[0] for row in rows] == ["200x180"] * 4
    assert [int(row[1]) for row in rows] == [path.stat().st_size for path in names]
    assert rows[0][3:5] == ["-", "-"] and rows[3][3:5] == ["identical", "identical"]
    assert float(rows[1][3]) < float(rows[2][3])


def test_json_has_the_scores_of_the_metrics(folder: Path, chelsea: Pixels) -> None:
    result = run("compare", "--json", "--metrics", "psnr", folder / "a.png", folder / "a.jpg", folder / "exact.cnc")
    jpeg, exact = (json.loads(line) for line in result.stdout.splitlines())
    expected = psnr(chelsea[:180, :200], np.asarray(Image.open(folder / "a.jpg")))
    assert jpeg["scores"] == {"psnr": round(expected, 4)} and not jpeg["identical"]
    assert jpeg["input_bytes"] == (folder / "a.jpg").stat().st_size
    assert exact["scores"] == {"psnr": None} and exact["identical"]


def test_transparent_pixels_are_compared_on_white(chelsea: Pixels, tmp_path: Path) -> None:
    alpha = np.full((20, 20), 0, np.uint8)
    Image.fromarray(np.dstack([chelsea[:20, :20], alpha])).save(tmp_path / "clear.png")
    Image.new("RGB", (20, 20), "white").save(tmp_path / "white.png")
    result = run("compare", "--json", "--metrics", "psnr", tmp_path / "white.png", tmp_path / "clear.png")
    assert json.loads(result.stdout)["identical"]


def test_only_what_changes_pixels_is_warned_of(chelsea: Pixels, tmp_path: Path) -> None:
    picture = Image.fromarray(chelsea[:40, :40])
    text = PngInfo()
    text.add_text("Comment", "a film")
    text.add(b"gAMA", (50_000).to_bytes(4, "big"))
    picture.save(tmp_path / "text.png", pnginfo=text)
    picture.save(tmp_path / "comment.jpg", comment=b"a film")
    picture.convert("CMYK").save(tmp_path / "print.jpg")
    result = run(
        "compare", "--metrics", "psnr", *(tmp_path / name for name in ("text.png", "comment.jpg", "print.jpg"))
    )
    assert result.exit_code == 0
    assert result.stderr == f"cnncompress: {tmp_path}/print.jpg: CMYK is converted to sRGB, without a profile\n"


def test_what_a_stored_original_loses_is_warned_of_as_for_the_file_itself(chelsea: Pixels, tmp_path: Path) -> None:
    Image.fromarray(chelsea[:40, :40]).convert("CMYK").save(tmp_path / "print.jpg", comment=b"a film")
    (tmp_path / "print.cnc").write_bytes(store_original((tmp_path / "print.jpg").read_bytes()))
    result = run("compare", "--metrics", "psnr", tmp_path / "print.jpg", tmp_path / "print.cnc")
    lost = "CMYK is converted to sRGB, without a profile"
    assert result.stderr == "".join(f"cnncompress: {tmp_path}/print.{ending}: {lost}\n" for ending in ("jpg", "cnc"))
    assert result.stdout.splitlines()[-1].split()[3] == "identical"


def test_a_metric_whose_package_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnncompress.evaluation.metrics.find_spec", lambda name: None)
    result = run("compare", folder / "a.png", folder / "a.jpg")
    assert result.exit_code == 0 and "MS-SSIM dB" in result.stdout
    assert result.stderr == "cnncompress: SSIMULACRA2 needs ssimulacra2: pip install 'cnncompress[eval]'\n"
    asked = run("compare", "--metrics", "ssimulacra2", folder / "a.png", folder / "a.jpg")
    assert (asked.exit_code, asked.stdout, asked.stderr) == (7, "", result.stderr)


def test_errors(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / "small.png")
    for arguments, code, message in (
        ((folder / "a.png", tmp_path / "small.png"), 3, "has 5x4 pixels, and"),
        ((folder / "a.png", tmp_path / "missing.png"), 3, "no such file or directory"),
        (("--metrics", "looks", folder / "a.png", folder / "a.jpg"), 2, "'looks' is not one of psnr"),
        (("--metrics", "", folder / "a.png", folder / "a.jpg"), 2, "'' is not one of psnr"),
        ((folder / "a.png",), 2, "Missing argument 'OTHER...'"),
    ):
        result = run("compare", *arguments)
        assert result.exit_code == code and message in result.stderr and result.stdout == ""
