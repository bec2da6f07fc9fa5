"""Many files on one command line: which files are read and written. --lossless needs no model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from command_line import run
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


def test_other_processes_make_the_same_files(folder: Path) -> None:
    for number in range(12):
        Path("a.bmp").rename("c.bmp") if number == 0 else None
        Path(f"{number:02}.bmp").write_bytes(Path("c.bmp").read_bytes())
    assert compress("-r", ".", "-d", "/dev/null/no").exit_code in (1, 5)
    for jobs in ("1", "2", "5"):
        assert compress("-r", ".", "-d", f"out{jobs}", "--exclude", "out*", "-j", jobs, "-T", "8").exit_code == 0
    for name in names(folder / "out1"):
        assert len({(folder / f"out{jobs}" / name).read_bytes() for jobs in ("1", "2", "5")}) == 1
