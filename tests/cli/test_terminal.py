"""A line on a terminal that comes and goes, and bars on terminals of several kinds."""

from __future__ import annotations

import io
import os
import sys
import time

import pytest

from cnncompress.cli import bars
from cnncompress.cli.bars import Bar, FilesBar, ImageBar
from cnncompress.cli.console import fitting_table, table
from cnncompress.cli.terminal import columns, status


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def dumb(monkeypatch: pytest.MonkeyPatch, terminal: None) -> None:
    monkeypatch.setenv("TERM", "dumb")


def test_a_status_is_cut_and_removed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnncompress.cli.terminal.columns", lambda: 20)
    with status(shown=True) as show:
        show("planning: 1,000,000 files found")
        show("not so soon")
    assert capsys.readouterr().err == "\rplanning: 1,000,000\x1b[K\r\x1b[K"


def test_a_status_that_is_not_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    with status(shown=False) as show:
        show("planning")
    assert capsys.readouterr().err == ""


def test_a_status_on_a_dumb_terminal_is_a_line_now_and_then(
    dumb: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, 1.0, 11.0, 12.0])
    monkeypatch.setattr("cnncompress.cli.terminal.time.monotonic", lambda: next(times))
    with status(shown=True) as show:
        for text in ("one", "two", "three"):
            show(text)
    assert capsys.readouterr().err == "two\n"


def test_width_of_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull, "w") as other:
        monkeypatch.setattr(sys, "stderr", other)
        assert columns() == 80


@pytest.mark.parametrize(("width", "parts"), [(100, ("%|", "MP/s")), (40, ("2/3 <",))])
def test_bar_over_files(
    width: int, parts: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bars, "columns", lambda: width)
    bar = FilesBar(3)
    bar.begin("a\n.png")
    bar.add(1_000_000, 2000, 100, failed=False)
    bar.add(1_000_000, 2000, 0, failed=True)
    bar.close()
    frames = capsys.readouterr().err.split("\r")
    assert "a\\n.png" in "".join(frames) and "\n" not in "".join(frames[:-1])
    assert all(part in frames[-1] for part in (*parts, "2/3", "1 failed, 2.0 kB -> 100 B"))
    assert ("MP/s" in frames[-1]) == (width >= 60)


def test_bar_on_a_dumb_terminal(dumb: None, capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(3, "tiles")
    for _ in range(3):
        bar.advance()
    bar.close()
    assert capsys.readouterr().err == "tiles: 3 of 3\n"


def test_bar_of_an_image_says_what_its_steps_are(capsys: pytest.CaptureFixture[str]) -> None:
    with ImageBar("tiles") as single:
        single(1, 1)
    assert capsys.readouterr().err == ""
    with ImageBar("rounds") as several:
        several(1, 4)
        several(4, 4)
        time.sleep(0.15)  # more often is too often to be drawn
        several(1, 8)
    shown = capsys.readouterr().err
    assert "rounds:   0%|" in shown and "1/8" in shown


def test_a_table_that_is_too_wide_becomes_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("size", "file"), ("2x1", "a" * 100), ("20x10", "b")]
    assert fitting_table(rows) == table(rows)  # no terminal
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert fitting_table(rows) == f"size  2x1\nfile  {'a' * 100}\n\nsize  20x10\nfile  b"
    assert fitting_table(rows[::2]) == table(rows[::2])


def test_names_take_half_of_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bars, "columns", lambda: 20)
    Bar(3, "a-long-name.png").close()
    assert "\ra-long-nam: 0/3 <?" in capsys.readouterr().err
