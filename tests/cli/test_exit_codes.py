"""How a run ends: an exit code for each error, one line on standard error, and no noise after a broken pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from command_line import COMMAND, run

from cnncompress.cli import info as info_command
from cnncompress.cli.console import printable
from cnncompress.cli.exit_codes import exit_codes, working_on
from cnncompress.errors import Corrupt, DeviceError


def test_errors_are_one_line_whatever_the_name(tmp_path: Path) -> None:
    result = run("info", tmp_path / "a\nb\x1b[2J\udcff")
    assert result.exit_code == 3
    assert result.stderr == f"cnncompress: {tmp_path}/a\\nb\\x1b[2J\\udcff: no such file or directory\n"
    assert printable("Zoë фото 写真.png") == "Zoë фото 写真.png"


def test_errors_without_a_file() -> None:
    @click.command()
    def failing() -> None:
        with exit_codes(), working_on("photo.png"):
            raise DeviceError("no such device: cuda:7")

    result = CliRunner().invoke(failing)
    assert (result.exit_code, result.stderr) == (7, "cnncompress: no such device: cuda:7\n")


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [(KeyboardInterrupt(), 130, ""), (BrokenPipeError(), 141, ""), (Corrupt("odd"), 4, "cnncompress: odd\n")],
)
def test_endings(
    error: BaseException, exit_code: int, message: str, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(info_command, "read_cnc", fail)
    if isinstance(error, Corrupt):
        message = f"cnncompress: {good}: odd\n"
    result = run("info", good)
    assert (result.exit_code, result.stderr) == (exit_code, message)


def test_unexpected_errors_keep_their_traceback(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(info_command, "read_cnc", fail)
    assert isinstance(run("info", good).exception, ZeroDivisionError)


def test_broken_pipe_is_quiet(good: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        for args in (["info", str(good)], ["--help"], ["info", "--help"], ["--version"]):
            done = subprocess.run([*COMMAND, *args], stdout=write_end, stderr=subprocess.PIPE, check=False)
            assert (done.returncode, done.stderr) == (141, b""), args
    finally:
        os.close(write_end)


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals(number: signal.Signals, exit_code: int) -> None:
    # Waits for standard input; the line on standard error says that it is about to.
    script = (
        "import sys; from cnncompress.cli import info; from cnncompress.cli.main import main\n"
        "read = info.read_cnc\n"
        "def announce(name): print('ready', file=sys.stderr, flush=True); return read(name)\n"
        "info.read_cnc = announce; main(['info', '-'])"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        assert process.stderr is not None
        assert process.stderr.readline().split() == [b"ready"]
        process.send_signal(number)
        assert (process.stderr.read(), process.wait(timeout=60)) == (b"", exit_code)
