"""Many files on one command line, without the model: --lossless needs none."""

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

from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.probe import probe


def test_outputs_stand_beside_their_inputs(folder: Path) -> None:
    result = compress("a.bmp", "b.bmp")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("cnncompress: 2 files compressed, 14.5 kB -> ")
    assert names(folder) == ["a.bmp", "a.cnc", "b.bmp", "b.cnc"]
    source = probe(Path("a.cnc").read_bytes()).source
    assert source is not None and source.ending == "bmp"
    result = run("decompress", "a.cnc", "b.cnc", "-d", "back", "--format", "webp")
    assert result.exit_code == 0 and names(folder / "back") == ["a.webp", "b.webp"]
    assert "2 files decompressed" in result.stderr


def test_a_single_file_is_silent_and_has_a_record(folder: Path) -> None:
    result = compress("a.bmp")
    assert (result.exit_code, result.output) == (0, "")
    assert probe(Path("a.cnc").read_bytes()).source == SourceRecord("bmp", Path("a.bmp").stat().st_size)
    result = compress("-v", "b.bmp", "c.cnc")
    assert result.stderr.startswith("cnncompress: b.bmp -> c.cnc  7.3 kB -> ")
    assert "  60x40  lossless  " in result.stderr


def test_the_second_argument_is_the_output_if_it_looks_like_one(folder: Path) -> None:
    assert compress("a.bmp", "x.CNC").exit_code == 0 and Path("x.CNC").exists()
    assert compress("a.bmp", "-").stdout_bytes == Path("x.CNC").read_bytes()
    assert run("decompress", "x.CNC", "y.tiff").exit_code == 0 and Path("y.tiff").exists()
    result = compress("a.bmp", "typo.bmp")
    assert (result.exit_code, result.stdout) == (3, "")
    missing = "no such file or directory; "
    assert result.stderr == f"cnncompress: typo.bmp: {missing}as an output it would end in .cnc\n"
    assert compress("a.bmp", "new").stderr == f"cnncompress: new: {missing}to write to it, use -o new\n"
    assert compress("a.bmp", "new/").stderr == f"cnncompress: new/: {missing}to write into it, use -d new/\n"
    assert compress("-r", ".", "new").stderr == f"cnncompress: new: {missing}to write into it, use -d new\n"
    assert "would end in .png, .ppm, .jpg, " in run("decompress", "x.CNC", "y.gif").stderr
    assert "-o 'y z'" in run("decompress", "--format", "png", "x.CNC", "y z").stderr
    assert "-o" not in run("decompress", "x.CNC", "y").stderr
    assert not Path("a.cnc").exists(), "nothing is done"
    assert compress("a.bmp", "b.bmp", "x.CNC").exit_code == 0, "all three are inputs"


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


def test_standard_streams(folder: Path) -> None:
    data = Path("a.bmp").read_bytes()
    piped = compress("-", data=data).stdout_bytes
    assert probe(piped).source is None
    packed = compress("-c", "a.bmp").stdout_bytes
    assert compress("a.bmp", "-o", "-").stdout_bytes == packed
    assert compress("a.bmp", "-o", "/dev/stdout").stdout_bytes == packed
    decoded = run("decompress", "-", "-o", "out.bmp", data=piped)
    assert decoded.exit_code == 0 and Path("out.bmp").exists()


def test_a_tree(folder: Path) -> None:
    (folder / "in/sub").mkdir(parents=True)
    Path("a.bmp").rename("in/a.bmp")
    Path("b.bmp").rename("in/sub/b.dat")
    Path("in/readme.txt").write_text("text")
    result = compress("-r", "in", "-d", "out")
    assert result.exit_code == 0 and names(folder / "out") == ["a.cnc", "sub/b.dat.cnc"]
    assert result.stderr.endswith("\ncnncompress: skipped 1 file that is not a supported image: 1 .txt\n")
    assert compress("-r", "in", "-d", "flat", "--flat", "--append-suffix").exit_code == 0
    assert names(folder / "flat") == ["a.bmp.cnc", "b.dat.cnc"]
    assert compress("-r", "in/sub", "-d", "rooted", "--root", ".").exit_code == 0
    assert names(folder / "rooted") == ["in/sub/b.dat.cnc"]
    assert compress("-r", "in", "-d", "some", "--include", "*.bmp").exit_code == 0
    assert names(folder / "some") == ["a.cnc"]
    assert compress("-r", ".", "-d", "out", "--exclude", "flat", "--newer").exit_code == 0, "the output is no input"
    result = compress("in", "-d", "x")
    assert (result.exit_code, result.stderr) == (3, "cnncompress: in: is a folder; -r searches folders\n")
    Path("empty").mkdir()
    result = compress("-r", "empty", "-d", "x")
    assert (result.exit_code, result.stderr) == (0, "cnncompress: 0 files compressed\n")


def test_collisions_are_found_before_the_work(folder: Path) -> None:
    Image.open("a.bmp").convert("RGB").save("a.png")
    result = compress("a.bmp", "a.png")
    assert result.exit_code == 2 and "a.bmp and a.png would both become a.cnc" in result.stderr
    assert result.stderr.count("\n") == 1 and not Path("a.cnc").exists()
    assert compress("a.bmp", "a.png", "--append-suffix").exit_code == 0


def test_failures_do_not_stop_the_others(folder: Path) -> None:
    Path("bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = compress("bad.png", "missing.png", "a.bmp", "-j", "1")
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if ".png" in line]
    assert len(errors) == 2 and result.stderr.endswith("; 2 failed\n")
    assert Path("a.cnc").exists()
    assert compress("bad.png").exit_code == 3 and compress("missing.png").exit_code == 3


def test_existing_outputs(folder: Path) -> None:
    Path("a.cnc").write_bytes(b"old")
    result = compress("a.bmp", "b.bmp")
    assert result.exit_code == 1 and "a.cnc: exists already; -f replaces it" in result.stderr
    result = compress("a.bmp")
    assert (result.exit_code, Path("a.cnc").read_bytes()) == (5, b"old")
    assert compress("-f", "a.bmp").exit_code == 0
    result = compress("--skip-existing", "a.bmp", "b.bmp")
    assert (result.exit_code, result.stderr) == (0, "cnncompress: 2 skipped (output exists)\n")
    os.utime("a.cnc", (1, 1))
    result = compress("--newer", "a.bmp", "b.bmp", "-v")
    assert result.exit_code == 0 and "b.bmp: skipped, output is up to date" in result.stderr
    assert Path("a.cnc").stat().st_mtime > 1


def test_a_png_is_not_done_because_of_a_jpeg(folder: Path) -> None:
    Image.open("a.bmp").save("x.jpg")
    Image.open("a.bmp").save("x.png")
    assert compress("x.jpg", "-d", "out").exit_code == 0
    result = compress("--skip-existing", "x.png", "-d", "out")
    assert result.exit_code == 5 and "made from a file *.jpg" in result.stderr


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


def test_limits(folder: Path) -> None:
    for limit in (["--max-pixels", "2399"], ["--max-dim", "59"]):
        assert compress("a.bmp", *limit).exit_code == 9
    assert compress("a.bmp").exit_code == 0
    assert run("decompress", "a.cnc", "--max-pixels", "2399").exit_code == 9
    assert run("test", "--decode", "a.cnc", "--max-dim", "59").exit_code == 9


def test_pictures_as_asked(folder: Path) -> None:
    pixels = np.zeros((20, 30, 4), np.uint8)
    Image.fromarray(pixels).save("clear.png")
    frames = [Image.new("L", (30, 20), value) for value in (0, 200)]
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])

    def pixel(*args: str) -> tuple[str, object]:
        assert compress("-f", "--if-larger", "keep", *args, "-o", "x.cnc").exit_code == 0
        assert run("decompress", "-f", "x.cnc", "x.png").exit_code == 0
        with Image.open("x.png") as image:
            return image.mode, image.getpixel((0, 0))

    assert pixel("clear.png") == ("RGBA", (0, 0, 0, 0))
    assert pixel("clear.png", "--no-alpha") == ("RGB", (255, 255, 255))
    assert pixel("clear.png", "--background", "#0a141E") == ("RGB", (10, 20, 30))
    assert compress("moving.gif").exit_code == 3
    assert pixel("moving.gif", "--frame", "1") == ("RGB", (200, 200, 200)), "Pillow's mode of a later frame"
    Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30)).save("deep.png")
    result = compress("--if-larger", "keep", "deep.png")
    assert result.exit_code == 0
    assert (
        result.stderr.startswith("cnncompress: deep.png: 16-bit samples are reduced to 8 bits")
        and result.stderr.count("\n") == 1
    )
    assert compress("-f", "--strict", "deep.png").exit_code == 3


def test_the_test_command(folder: Path) -> None:
    compress("a.bmp", "b.bmp")
    result = run("test", "a.cnc")
    assert (result.exit_code, result.output) == (0, "")
    Path("b.cnc").write_bytes(Path("b.cnc").read_bytes()[:-1])
    result = run("test", "-r", ".", "--json")
    assert result.exit_code == 1 and "b.cnc: 1 of " in result.stderr
    assert [json.loads(line).get("status") for line in result.stdout.splitlines()] == ["ok", "error", None]
    assert "1 file tested" in result.stderr and "; 1 failed\n" in result.stderr
    assert result.stderr.endswith("\ncnncompress: skipped 2 files that are not .cnc files: 2 .bmp\n")
    assert run("test", "b.cnc").exit_code == 4 and run("test", "a.bmp").exit_code == 4
    assert run("test", "missing.cnc").exit_code == 3
    assert run("test", "-", data=Path("a.cnc").read_bytes()).exit_code == 0
    assert run("test", "--decode", "a.cnc").exit_code == 0
    assert run("test", "--decode", "a.cnc", "b.cnc").exit_code == 1


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


def test_other_processes_make_the_same_files(folder: Path) -> None:
    for number in range(12):
        Path("a.bmp").rename("c.bmp") if number == 0 else None
        Path(f"{number:02}.bmp").write_bytes(Path("c.bmp").read_bytes())
    assert compress("-r", ".", "-d", "/dev/null/no").exit_code in (1, 5)
    for jobs in ("1", "2", "5"):
        assert compress("-r", ".", "-d", f"out{jobs}", "--exclude", "out*", "-j", jobs, "-T", "8").exit_code == 0
    for name in names(folder / "out1"):
        assert len({(folder / f"out{jobs}" / name).read_bytes() for jobs in ("1", "2", "5")}) == 1
