"""What a run over many files says: summaries, dry runs, JSON, colours and bars. --lossless needs no model."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
from command_line import COMMAND, run
from lossless_runs import compress, names
from PIL import Image

from cnncompress.probe import probe


def test_files_that_are_skipped_are_counted_by_ending(folder: Path) -> None:
    for name in ("one.heic", "two.HEIC"):
        Path(name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    Path("raw.cr3").write_bytes(b"\0\0\0\x18ftypcrx " + bytes(100))
    for name in ("notes.txt", "README"):
        Path(name).write_text("text")
    line = "skipped 5 files that are not supported images: 2 .heic, 1 .cr3, 1 .txt, 1 without an ending"
    result = compress("-r", ".", "-d", "out")
    assert result.exit_code == 0
    assert [each.partition(" s, ")[0] for each in result.stderr.splitlines()][1:] == [f"cnncompress: {line}"]
    assert "skipped" not in result.stderr.splitlines()[0]
    assert compress("-r", ".", "-d", "quiet", "--quiet").stderr == ""
    assert "raw.cr3: skipped, camera raw (CR3) is not supported" in compress("-r", ".", "-d", "loud", "-v").stderr


def test_growth_is_no_percentage_of_the_input(folder: Path) -> None:
    Path("a.bmp").unlink()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save("noise.jpg", quality=20)
    result = compress("-v", "--if-larger", "keep", "noise.jpg")
    assert " times the size)" in result.stderr and "%" not in result.stderr


def test_a_dry_run_checks_headers(folder: Path) -> None:
    Image.fromarray(np.zeros((40, 50), np.uint16)).save("deep.png")
    Image.new("CMYK", (20, 20)).save("print.jpg")
    Image.new("1", (3000, 2000)).save("large.png")
    Path("text.png").write_text("no image")
    result = compress("-N", "-r", ".", "-d", "out", "--max-pixels", "1000000")
    assert result.exit_code == 1 and names(folder) == sorted(
        ["a.bmp", "b.bmp", "deep.png", "large.png", "print.jpg", "text.png"]
    )
    for line in (
        "deep.png: more than 8 bits a sample (mode I;16) are reduced to 8",
        "print.jpg: CMYK is converted to RGB",
        "large.png: 3000x2000 pixels are more than the limit of 1000000",
        "text.png: not an image in a supported format",
    ):
        assert f"cnncompress: ./{line}\n" in result.stderr, result.stderr
    assert compress("-N", "-M", "1M", "large.png").exit_code == 9
    strict = compress("-N", "--strict", "deep.png")
    assert (strict.exit_code, "strict: more than 8 bits" in strict.stderr) == (3, True)
    Path("whole.cnc").write_bytes(compress("a.bmp", "-").stdout_bytes)
    Path("cut.cnc").write_bytes(Path("whole.cnc").read_bytes()[:-9])
    cut = run("decompress", "-N", "cut.cnc")
    assert cut.exit_code == 4 and " bytes are missing" in cut.stderr
    assert run("decompress", "-N", "whole.cnc").exit_code == 0
    assert run("decompress", "-N", "--keep-going", "cut.cnc").exit_code == 0


def test_a_dry_run_does_nothing(folder: Path) -> None:
    result = run("compress", "-N", "a.bmp", "b.bmp", "-d", "out")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("cnncompress: a.bmp -> out/a.cnc: would be compressed, 60x40, 7.3 kB -> about ")
    assert "2 files would be compressed" in result.stderr and not Path("out").exists()
    Path("bad.png").write_bytes(b"nothing")
    assert run("compress", "-N", "bad.png").exit_code == 3


def test_json(folder: Path) -> None:
    Path("bad.png").write_bytes(b"nothing")
    result = compress("--json", "--json-file", "log", "a.bmp", "bad.png")
    assert result.stdout == Path("log").read_text()
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["schema"] for line in lines} == {1}
    files = {line["input"]: line for line in lines[:-1]}
    assert files["a.bmp"]["status"] == "ok" and files["a.bmp"]["output_bytes"] == Path("a.cnc").stat().st_size
    assert files["bad.png"]["status"] == "error" and files["bad.png"]["exit_code"] == 3
    assert (lines[-1]["type"], lines[-1]["errors"], lines[-1]["exit_code"]) == ("summary", 1, 1)
    result = compress("-f", "--json-file", "log", "a.bmp", "-")
    assert result.exit_code == 0 and json.loads(Path("log").read_text().splitlines()[0])["output"] == "-"
    result = compress("--json-file", "no/log", "a.bmp", "y.cnc")
    assert (result.exit_code, result.stderr) == (5, f"cnncompress: no/log: no such folder: {folder.resolve()}/no\n")


def test_quiet(folder: Path) -> None:
    Path("bad.png").write_bytes(b"nothing")
    result = compress("--quiet", "a.bmp", "bad.png")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1 and "bad.png" in result.stderr


def test_tracebacks_only_on_request(folder: Path) -> None:
    Path("bad.png").write_bytes(b"nothing")
    assert "Traceback" not in compress("-v", "bad.png").stderr
    assert "Traceback" in compress("-vv", "bad.png").stderr


def test_colours(folder: Path) -> None:
    def first(**variables: str) -> str:
        return compress("missing", **variables).stderr.split(":")[0]

    assert first() == "cnncompress"
    assert first(FORCE_COLOR="1") == "\x1b[31m\x1b[1mcnncompress\x1b[0m"
    assert first(FORCE_COLOR="1", NO_COLOR="1") == "cnncompress"


def test_nothing_but_data_on_standard_output(folder: Path) -> None:
    script = (
        "import os; from cnncompress.cli import compress; from cnncompress.cli.main import main\n"
        "run = compress.run\n"
        "def noisy(*args, **options): os.write(1, b'noise'); return run(*args, **options)\n"
        "compress.run = noisy; main(['compress', '--lossless', 'a.bmp', '-'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"noise")
    assert probe(done.stdout).width == 60


def test_a_bar_on_a_terminal_only(folder: Path) -> None:
    assert "image/s" not in compress("a.bmp", "b.bmp", "-d", "1").stderr
    assert "2/2" in compress("a.bmp", "b.bmp", "-d", "2", "--progress").stderr
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    try:
        command = [*COMMAND, "compress", "--lossless", "a.bmp", "b.bmp", "-d", "3"]
        subprocess.run(command, stderr=terminal, check=True, env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"})
        shown = os.read(controller, 100_000).decode()
    finally:
        os.close(terminal)
        os.close(controller)
    assert "2/2" in shown and "MP/s" in shown and "\x1b[3" not in shown
