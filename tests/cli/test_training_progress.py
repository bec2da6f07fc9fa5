"""Progress of a training run on standard error, on a terminal and elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from cnncompress.cli import training_progress
from cnncompress.cli.training_progress import display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with display(60.0, 12.0, quiet=False) as show:
        for step in range(1, 301):
            show(step, 12.0 + 0.01 * step, 1.0 if step <= 100 else 2.0)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "minute 13.0 of 60, step 100, loss 1.0000",
        "minute 14.0 of 60, step 200, loss 2.0000",
        "minute 15.0 of 60, step 300, loss 2.0000",
    ]


@pytest.mark.parametrize(("minutes", "expected"), [(0.5, 10), (5.0, 10), (60.0, 60), (6000.0, 100)])
def test_number_of_lines(minutes: float, expected: int, capsys: pytest.CaptureFixture[str]) -> None:
    with display(minutes, 0.0, quiet=False) as show:
        for step in range(1, 10001):
            show(step, minutes * step / 10000, 1.0)
    assert expected - 1 <= len(capsys.readouterr().err.splitlines()) <= expected


def test_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with display(60.0, 15.0, quiet=False) as show:
        show(7, 30.0, 1.0)
        show(8, 60.1, 1.0)
    frames = terminal.getvalue().split("\r")
    assert any(frame.startswith(" 25%|") for frame in frames)
    assert "100%|" in frames[-1] and "60.0/60 min, step 8, loss 1.0000" in frames[-1]
    assert capsys.readouterr().out == ""


def test_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with display(60.0, 0.0, quiet=True) as show:
        show(1, 59.0, 1.0)
    assert terminal.getvalue() == ""


def test_narrow_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(training_progress, "columns", lambda: 40)
    monkeypatch.setenv("TERM", "xterm")
    with display(60.0, 15.0, quiet=False) as show:
        show(123456, 60.1, 1.0)
    last = terminal.getvalue().split("\r")[-1].strip()
    assert last == "60.0/60 min, step 123456, loss 1.0000" and len(last) < 40


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "dumb")
    with display(60.0, 0.0, quiet=False) as show:
        show(7, 1.5, 1.0)
    assert terminal.getvalue() == "minute 1.5 of 60, step 7, loss 1.0000\n"
