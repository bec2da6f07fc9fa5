"""The command line without its codec: help, wrong command lines, and checks before the work."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import COMMAND, run, spawn

from cnncompress import __version__
from cnncompress.cli.main import COMMANDS


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A file that is there; the checks made here come before anyone looks into it."""
    path = tmp_path / "image.png"
    path.write_bytes(b"image")
    return path


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_of_the_program(option: str) -> None:
    result = run(option)
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in result.stdout
    assert result.stdout.index("Examples:") < result.stdout.index("Options:")


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_leads_with_examples(name: str, option: str) -> None:
    result = run(name, option)
    assert result.exit_code == 0
    assert result.stdout.index("Examples:") < result.stdout.index(f"cnncompress {name} ", 40)
    assert result.stdout.index("Examples:") < result.stdout.index("Options:")


def test_version() -> None:
    assert run("--version").stdout == f"cnncompress {__version__}\n"
    done = spawn("--version")
    assert (done.returncode, done.stdout.decode().split()) == (0, ["cnncompress", __version__])


@pytest.mark.parametrize(
    ("args", "loaded"),
    [
        (["--help"], ""),
        (["--version"], ""),
        (["compress", "--help"], ""),
        (["decompress", "--help"], ""),
        (["train", "--help"], ""),
        (["info", "FILE"], ""),
        (["info", "--json", "FILE"], ""),
        (["test", "FILE"], ""),
        (["models"], ""),
        (["completion", "zsh"], ""),
        (["compress", "--dry-run", "FILE"], "PIL numpy"),
        (["decompress", "--dry-run", "FILE", "-"], "PIL numpy"),
    ],
)
def test_what_needs_no_pictures_loads_nothing_for_them(args: list[str], loaded: str, good: Path) -> None:
    script = (
        "import atexit, sys; from cnncompress.cli.main import main\n"
        "large = ('PIL', 'numpy', 'torch')\n"
        "atexit.register(lambda: print('loaded', *(n for n in large if n in sys.modules), file=sys.stderr)); main()"
    )
    args = [str(good) if arg == "FILE" else arg for arg in args]
    done = subprocess.run([sys.executable, "-c", script, *args], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, f"loaded {loaded}".rstrip())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["squash"], "No such command 'squash'"),
        (["decompres", "in.cnc"], "No such command 'decompres'. Did you mean 'decompress'?"),
        (["compress"], "Missing argument 'INPUT...'"),
        (["compress", "-q", "101", "in.png", "out.cnc"], "101.0 is not in the range 0<=x<=100"),
        (["compress", "-q", "-0.1", "in.png", "out.cnc"], "is not in the range 0<=x<=100"),
        (["compress", "-q", "nan", "in.png", "out.cnc"], "nan is not in the range"),
        (["compress", "-q", "inf", "in.png", "out.cnc"], "is not in the range"),
        (["compress", "-q", "high", "in.png", "out.cnc"], "'high' is not a valid"),
        (
            ["compress", "--device", "gpu", "in.png", "out.cnc"],
            "'gpu' is not one of auto, cpu, cuda, cuda:N, mps",
        ),
        (["compress", "--device", "cuda:", "in.png", "out.cnc"], "'cuda:' is not one of"),
        (["compress", "--device", "cuda:0\n", "in.png", "out.cnc"], "is not one of"),
        (["decompress", "--format", "gif", "in.cnc", "out.gif"], "'gif' is not one of"),
        (["decompress", "-", "-o", "out.xyz"], "'out.xyz' is not one of png, ppm, jpg, webp, tiff, avif, bmp"),
        (["decompress", "-", "-o", "out"], "choose one with --format"),
        (["info"], "Missing argument 'FILE...'"),
    ],
)
def test_wrong_command_lines_exit_with_2(args: list[str], message: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert message in result.stderr and result.stdout == ""


@pytest.mark.parametrize("command", [["compress"], ["decompress", "--format", "png"]])
def test_outputs_are_checked_before_the_work(command: list[str], image: Path, tmp_path: Path) -> None:
    existing = tmp_path / "existing"
    existing.write_bytes(b"old")
    advice = "-f replaces it" if command == ["compress"] else "-o or -d writes elsewhere"
    for target, message in [
        (existing, f"cnncompress: {existing}: exists already; {advice}\n"),
        (tmp_path, f"cnncompress: {tmp_path}: is a folder\n"),
        (tmp_path / "no" / "out", f"cnncompress: {tmp_path}/no/out: no such folder: {tmp_path}/no\n"),
        (image, f"cnncompress: {image}: is the input itself\n"),
    ]:
        result = run(*command, image, "-o", target)
        assert (result.exit_code, result.stderr, result.stdout) == (5, message, "")
    assert existing.read_bytes() == b"old"
    assert run(*command, "-f", image, "-o", image).exit_code == 5


@pytest.mark.parametrize("command", [["compress"], ["decompress", "--format", "png"], ["info"]])
def test_missing_input(command: list[str], tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    output: list[str | Path] = [] if command == ["info"] else ["-o", tmp_path / "out"]
    result = run(*command, missing, *output)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == f"cnncompress: {missing}: no such file or directory\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_terminal_is_refused_as_output(command: str, image: Path) -> None:
    controller, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [*COMMAND, command, image, "-"], stdout=terminal, stderr=subprocess.PIPE, check=False, text=True
        )
    finally:
        os.close(terminal)
        os.close(controller)
    assert done.returncode == 2
    assert "Standard output is a terminal" in done.stderr


def test_name_that_begins_with_a_dash(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(good.parent)
    good.rename(good.parent / "-x.cnc")
    assert run("info", "--", "-x.cnc").exit_code == 0
