"""The command line without its codec: help, checks before the work, exit codes and one-line errors."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cnncompress import __version__
from cnncompress.bitstream.container import Chunk, ChunkType, Container, Header, Layout, pack
from cnncompress.cli import info as info_command
from cnncompress.cli.console import printable
from cnncompress.cli.exit_codes import exit_codes, working_on
from cnncompress.cli.main import COMMANDS, program
from cnncompress.errors import Corrupt, DeviceError
from cnncompress.units import Hundredths

COMMAND = [sys.executable, "-m", "cnncompress"]
DATA = pack(
    Container(
        Header(Layout.RGB, 20, 10, Hundredths(62_50), bytes.fromhex("00ff1234")), (Chunk(ChunkType.LATENTS, bytes(50)),)
    )
)


def run(*args: str | Path, data: bytes | None = None) -> Result:
    return CliRunner().invoke(program, [str(arg) for arg in args], input=data, prog_name="cnncompress")


def spawn(*args: str | Path, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *map(str, args)], input=data, capture_output=True, check=False)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A file that is there; the checks made here come before anyone looks into it."""
    path = tmp_path / "image.png"
    path.write_bytes(b"image")
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.cnc"
    path.write_bytes(DATA)
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


def test_info_table(good: Path) -> None:
    result = run("info", good)
    assert (result.exit_code, result.stderr) == (0, "")
    headings, values = (line.split(maxsplit=9) for line in result.stdout.splitlines())
    assert headings == ["size", "mode", "coding", "quality", "bytes", "bpp", "model", "tiles", "chunks", "file"]
    assert values[:7] == ["20x10", "RGB", "learned", "62.5", "70", "2.800", "unknown"]
    assert result.stdout.splitlines()[1].endswith(f"unknown (00ff1234)  1      latents:50  {good}")


def test_info_json(good: Path) -> None:
    result = run("info", "--json", good, good)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code, len(lines)) == (0, 1), "each file once"
    assert lines[0] == {
        "schema": 1,
        "type": "file",
        "input": str(good),
        "status": "ok",
        "width": 20,
        "height": 10,
        "mode": "RGB",
        "coding": "learned",
        "quality": 62.5,
        "format_version": 1,
        "fingerprint": "00ff1234",
        "model": None,
        "input_bytes": 70,
        "bpp": 2.8,
        "chunks": [{"type": "latents", "bytes": 50}],
        "original": None,
        "source": None,
        "tiles": 1,
        "tile_side": 0,
    }


def test_info_of_a_file_that_needs_no_model(tmp_path: Path) -> None:
    path = tmp_path / "stored.cnc"
    chunks = (Chunk(ChunkType.ORIGINAL, b"GIF89a"), Chunk(ChunkType.SOURCE, b"\6\0\0\0\0gif"))
    path.write_bytes(pack(Container(Header(Layout.RGB, 20, 10, Hundredths(0), bytes(4)), chunks)))
    values = run("info", path).stdout.splitlines()[1].split(maxsplit=8)
    assert values == ["20x10", "RGB", "stored", "-", "37", "1.480", "-", "1", f"original:6 source:8  {path}"]
    facts = json.loads(run("info", "--json", path).stdout)
    assert (facts["quality"], facts["fingerprint"], facts["original"]) == (None, None, "gif")
    assert facts["source"] == {"ending": "gif", "size": 6}


def test_info_reads_standard_input() -> None:
    assert "20x10" in run("info", "-", data=DATA).stdout
    done = spawn("info", "--json", "-", data=DATA)
    assert json.loads(done.stdout)["input"] == "-"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"GIF89a", "not a .cnc file"),
        (DATA[:-1], "1 of 50 payload bytes are missing"),
    ],
)
def test_info_of_damaged_files(data: bytes, reason: str, good: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.cnc"
    bad.write_bytes(data)
    result = run("info", bad, good)
    assert (result.exit_code, result.stderr) == (1, f"cnncompress: {bad}: {reason}\n")
    assert str(good) in result.stdout
    lines = [json.loads(line) for line in run("info", "--json", bad, good, tmp_path / "missing").stdout.splitlines()]
    assert lines[0] == {
        "schema": 1,
        "type": "file",
        "input": str(bad),
        "status": "error",
        "error": reason,
        "exit_code": 4,
    }
    assert [line["status"] for line in lines] == ["error", "ok", "error"]
    assert run("info", bad).exit_code == 4
    done = spawn("info", bad)
    assert (done.returncode, done.stdout, done.stderr) == (
        4,
        b"",
        f"cnncompress: {bad}: {reason}{os.linesep}".encode(),
    )


def test_errors_are_one_line_whatever_the_name(tmp_path: Path) -> None:
    result = run("info", tmp_path / "a\nb\x1b[2J\udcff")
    assert result.exit_code == 3
    assert result.stderr == f"cnncompress: {tmp_path}/a\\nb\\x1b[2J\\udcff: no such file or directory\n"
    assert printable("Zoë фото 写真.png") == "Zoë фото 写真.png"


def test_name_that_begins_with_a_dash(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(good.parent)
    good.rename(good.parent / "-x.cnc")
    assert run("info", "--", "-x.cnc").exit_code == 0


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
