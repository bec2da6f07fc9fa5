"""What a run shows on a terminal: wide, narrow, and one that cannot rewrite a line."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from command_line import COMMAND
from on_terminal import frames, on_terminal
from PIL import Image

pytestmark = pytest.mark.slow  # each starts a process


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph of 60x40 pixels, and files that are none."""
    Image.radial_gradient("L").resize((60, 40)).convert("RGB").save(tmp_path / "a.bmp")
    for number in range(12):
        (tmp_path / f"bad{number:02}.png").write_bytes(b"\x89PNG\r\n\x1a\n and then no image")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_file_ends_with_one_line(folder: Path) -> None:
    line = r"a\.bmp -> a\.cnc  7\.3 kB -> [\d.]+ k?B \([\d.]+ %\)  60x40  lossless  [\d.]+ s"
    shown = frames(on_terminal(["compress", "--lossless", "a.bmp"]))
    assert re.fullmatch(line, shown[-1]), shown
    back = frames(on_terminal(["decompress", "a.cnc"]))
    assert re.fullmatch(r"a\.cnc -> a\.png  [\d.]+ k?B -> [\d.]+ k?B  60x40  lossless  [\d.]+ s", back[-1])


def test_pipes_and_quiet_runs_stay_silent(folder: Path) -> None:
    assert on_terminal(["compress", "--lossless", "--quiet", "a.bmp", "1.cnc"]) == ""
    assert frames(on_terminal(["compress", "--lossless", "a.bmp", "-"])) == []
    command = [*COMMAND, "compress", "--lossless", "a.bmp", "2.cnc"]
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_failures_are_listed_again_and_lines_are_not_broken(columns: int, folder: Path) -> None:
    text = on_terminal(["compress", "--lossless", "-r", ".", "-d", "out"], columns=columns, code=1)
    shown = frames(text)
    bars = [frame for frame in shown if "/13" in frame]
    assert bars and max(map(len, bars)) <= columns
    assert any("failed" in bar for bar in bars) and any(" -> " in bar for bar in bars)
    listed = [frame for frame in shown if frame.startswith("cnncompress: failed: ")]
    assert len(listed) == 11 and listed[-1] == "cnncompress: failed: 2 more files"
    assert "out" in shown[shown.index(listed[0]) - 1] or "12 failed" in shown[shown.index(listed[0]) - 1]


def test_a_dumb_terminal_gets_whole_lines(folder: Path) -> None:
    text = on_terminal(["compress", "--lossless", "-r", ".", "-d", "out"], term="dumb", code=1)
    assert "\x1b" not in text and "\r" not in text.replace("\r\n", "")
    assert re.search(r"^13 of 13, 12 failed, 7\.3 kB -> ", text, re.MULTILINE)


def test_the_model_is_named_while_it_is_loaded(folder: Path) -> None:
    Image.open("a.bmp").save("b.bmp")
    shown = frames(on_terminal(["compress", "a.bmp", "b.bmp", "--model", "base", "-d", "out"]))
    assert shown[0] == "loading model base"
    assert any(os.fspath("b.bmp") in frame for frame in shown if "/2" in frame)
