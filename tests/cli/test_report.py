"""``report``: its options, and what it refuses before any work."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from numpy.typing import NDArray
from PIL import Image


@pytest.fixture
def photo(chelsea: NDArray[np.uint8], tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(chelsea[:80, :96]).save(path)
    return path


def test_a_page_is_written(photo: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = run("report", photo, "-o", page, "-q", "60", "--against", "jpeg", "--device", "cpu")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith(f"cnncompress: {page}: ") and result.stderr.endswith(", 1 picture\n")
    text = page.read_text(encoding="utf-8")
    assert '"codec":"cnc"' in text and '"codec":"jpeg"' in text
    assert run("report", photo, "-o", page).exit_code == 5 and page.read_text(encoding="utf-8") == text


def test_usual_codecs_that_are_not_installed_are_left_out(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnncompress.evaluation.peers.importlib.util.find_spec", lambda name: None)
    result = run("report", photo, "-o", tmp_path / "report.html", "-q", "60", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "the page will not have jxl: the codec 'jxl' needs pillow-jxl-plugin" in result.stderr
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '"codec":"avif"' in text and '"codec":"jxl"' not in text
    named = run("report", photo, "-o", tmp_path / "named.html", "--against", "jxl")
    assert named.exit_code == 7 and "the codec 'jxl' needs pillow-jxl-plugin" in named.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--against", "gif"), 2, "'gif' is not one of jpeg, webp"),
        (("--against", "cnc"), 2, "'cnc' is not one of jpeg, webp"),
        (("--against", "none,jpeg"), 2, "'none' must be the only name"),
        (("--against", "jpeg2000"), 2, "'jpeg2000' is not one of jpeg, webp"),
        (("-q", "30,x"), 2, "is not a list like 30,60"),
        (("-q", "130"), 2, "qualities from 0 to 100"),
    ],
)
def test_what_is_refused(photo: Path, tmp_path: Path, options: tuple[str, ...], code: int, message: str) -> None:
    result = run("report", photo, "-o", tmp_path / "report.html", *options)
    assert (result.exit_code, result.stdout) == (code, "") and message in result.stderr
    assert not (tmp_path / "report.html").exists()


def test_a_missing_picture(tmp_path: Path) -> None:
    result = run("report", tmp_path / "missing.png", "-o", tmp_path / "report.html", "--against", "none")
    assert result.exit_code == 3 and "missing.png: no such file or directory" in result.stderr


def test_nothing_is_measured_before_all_is_found_to_be_usable(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(*arguments: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr("cnncompress.evaluation.cnc_codec.CncCodec.encode", encode)
    late = run("report", photo, tmp_path / "missing.png", "-o", tmp_path / "report.html")
    assert late.exit_code == 3 and "missing.png: no such file or directory" in late.stderr
    model = run("report", photo, "-o", tmp_path / "report.html", "--model", "none")
    assert model.exit_code == 6 and "no model named 'none'" in model.stderr


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="the file system refuses such names")
def test_a_name_that_is_not_utf_8(photo: Path, tmp_path: Path) -> None:
    odd = photo.rename(os.fsdecode(bytes(tmp_path) + b"/odd\xff.png"))
    result = run("report", odd, "-o", tmp_path / "report.html", "-q", "60", "--against", "none", "--device", "cpu")
    assert result.exit_code == 0, result.output
    (tmp_path / "report.html").read_text(encoding="utf-8")


def test_without_ssimulacra2(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnncompress.evaluation.metrics.find_spec", lambda name: None)
    result = run("report", photo, "-o", tmp_path / "report.html", "-q", "60", "--against", "none", "--device", "cpu")
    assert result.exit_code == 0
    assert "the page will have no scores and error maps: SSIMULACRA2 needs ssimulacra2" in result.stderr
