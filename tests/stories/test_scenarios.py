"""A day with the tool: lines that people write in shells, and what must come of them. Runs the installed command.

Lines that are about files and not about pictures compress without loss: a model costs a process two seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnncompress.probe import probe

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="lines of a POSIX shell")


class Shell:
    """Runs lines in a folder, with the command on its path."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
        self.environment.pop("CNNCOMPRESS_MODEL", None)

    def run(self, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **variables}
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def names(self, folder: str) -> list[str]:
        """All files below a folder, hidden ones too."""
        top = self.folder / folder
        return sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())


@pytest.fixture
def shell(tmp_path: Path, bin_folder: Path) -> Shell:
    return Shell(tmp_path, bin_folder)


@pytest.fixture
def photo(coffee: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(coffee[100:148, 200:272])


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"no {', '.join(missing)} here")


@needs("find", "xargs")
def test_1_find_and_xargs(shell: Shell, photo: Image.Image) -> None:
    (shell.folder / "photos/a b").mkdir(parents=True)
    photo.save(shell.folder / "photos/a b/c d.JPG", "JPEG", quality=95)
    photo.save(shell.folder / "photos/写真.png")
    (shell.folder / "photos/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    line = (
        r"find photos -type f \( -iname '*.jpg' -o -iname '*.png' \) -print0 | "
        "xargs -0 -n 300 -P 2 cnncompress compress --lossless --skip-existing -d out --root photos -T 1"
    )
    done = shell.run(line)
    assert done.returncode == 123, done.stderr
    assert shell.names("out") == ["a b/c d.cnc", "写真.cnc"]
    assert done.stdout == ""
    assert "cnncompress: photos/broken.png: " in done.stderr and "2 files compressed" in done.stderr
    (shell.folder / "photos/broken.png").unlink()
    done = shell.run(line)
    assert (done.returncode, done.stderr) == (0, "cnncompress: 2 skipped (output exists)\n")


def test_2_names_from_standard_input(shell: Shell, photo: Image.Image) -> None:
    (shell.folder / "photos/sub").mkdir(parents=True)
    for name in ("photos/new\nline.png", "photos/sub/x.png"):
        photo.save(shell.folder / name)
    done = shell.run(
        "find photos -name '*.png' -print0 | "
        "cnncompress compress --lossless --files-from - -0 --root photos -d out -T 2"
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert shell.names("out") == ["new\nline.cnc", "sub/x.cnc"]


@pytest.mark.slow
def test_3_pipe(shell: Shell, photo: Image.Image) -> None:
    photo.save(shell.folder / "scan.png")
    done = shell.run("cnncompress compress -q 50 scan.png - | cnncompress decompress - back.png")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with Image.open(shell.folder / "back.png") as back:
        assert (back.format, back.mode, back.size) == ("PNG", "RGB", photo.size)
    done = shell.run("cnncompress compress --lossless scan.png - | head -c 99 | cnncompress decompress - cut.png")
    assert done.returncode == 4
    assert done.stderr.startswith("cnncompress: -: ") and "are missing" in done.stderr
    assert not (shell.folder / "cut.png").exists()


@needs("tar")
def test_4_archive(shell: Shell, photo: Image.Image) -> None:
    source = shell.folder / "source"
    (source / "sub").mkdir(parents=True)
    photo.save(source / "a.png")
    photo.save(source / "sub/b.jpg", quality=95)
    (source / "sub/notes.txt").write_text("notes")
    (source / "old.cnc").write_bytes(b"\x89CNC of earlier")
    os.utime(source / "sub/b.jpg", ns=(1, 1_500_000_000_123_456_789))
    line = (
        "mkdir -p in && tar -C source -cf photos.tar . && tar -xf photos.tar -C in && "
        "cnncompress compress -r in -d out --lossless -p --copy-others && tar -C out -cf photos-cnc.tar ."
    )
    done = shell.run(line)
    assert done.returncode == 0, done.stderr
    assert shell.names("out") == ["a.cnc", "old.cnc", "sub/b.cnc", "sub/notes.txt"]
    times = [(shell.folder / name).stat().st_mtime_ns for name in ("in/sub/b.jpg", "out/sub/b.cnc")]
    assert times[0] == times[1]
    assert "2 files compressed" in done.stderr and "2 copied" in done.stderr

    before = {name: (shell.folder / "out" / name).stat().st_mtime_ns for name in shell.names("out")}
    done = shell.run("cnncompress compress -r in -d out --lossless -p --copy-others --skip-existing")
    assert (done.returncode, done.stderr) == (0, "cnncompress: 4 skipped (output exists)\n")
    assert shell.run("cnncompress compress -r in -d out --lossless -p --copy-others").returncode == 1
    assert before == {name: (shell.folder / "out" / name).stat().st_mtime_ns for name in shell.names("out")}
    done = shell.run("cnncompress compress -N -r in -d other")
    assert "1 skipped (is a .cnc file)" in done.stderr and "in/old.cnc: skipped" in done.stderr


@pytest.mark.slow
@needs("timeout")
def test_5_upload(shell: Shell, photo: Image.Image) -> None:
    (shell.folder / "cache").mkdir()
    line = (
        "ulimit -v {limit}; timeout 200 cnncompress compress -q 70 --max-pixels 40000000 --strip gps --device cpu -T 1 "
        '-f -o "cache/$SHA.cnc" -- "$UPLOAD"'
    )
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010F] = "Maker"
    photo.save(shell.folder / "-x.png", exif=exif)
    (shell.folder / "cache/1.cnc").write_bytes(b"old")
    done = shell.run(line.format(limit="unlimited"), SHA="1", UPLOAD="-x.png")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    chunks = dict(probe((shell.folder / "cache/1.cnc").read_bytes()).chunks)
    assert "latents" in chunks and "exif" in chunks
    for name, data, exit_code in (
        ("garbage", b"GIF89a\0", 3),
        ("bomb.ppm", b"P6 60000 60000 255\n" + bytes(100), 9),
        ("missing", None, 3),
    ):
        if data is not None:
            (shell.folder / name).write_bytes(data)
        done = shell.run(line.format(limit=1_000_000), SHA=name, UPLOAD=name)
        assert done.returncode == exit_code, done.stderr
        assert done.stderr.startswith(f"cnncompress: {name}: ") and done.stderr.count("\n") == 1
    assert shell.names("cache") == ["1.cnc"]


def test_6_data_set(shell: Shell, photo: Image.Image) -> None:
    (shell.folder / "train/a").mkdir(parents=True)
    photo.save(shell.folder / "train/a/good.png")
    (shell.folder / "train/a/bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = shell.run("cnncompress compress -r train -d train_cnc --lossless --skip-existing --json > log.jsonl")
    assert done.returncode == 1
    lines = [json.loads(line) for line in (shell.folder / "log.jsonl").read_text().splitlines()]
    assert [(line["type"], line.get("status")) for line in lines] == [
        ("file", "error"),
        ("file", "ok"),
        ("summary", None),
    ]
    assert (lines[0]["input"], lines[0]["exit_code"]) == ("train/a/bad.png", 3) and lines[0]["error"]
    assert (lines[1]["output"], lines[1]["coding"]) == ("train_cnc/a/good.cnc", "lossless")
    assert lines[1]["output_bytes"] == (shell.folder / "train_cnc/a/good.cnc").stat().st_size

    photo.save(shell.folder / "train/a/bad.png")
    failed = "import json, sys; [print(r['input']) for r in map(json.loads, sys.stdin) if r.get('status') == 'error']"
    select = f'"{sys.executable}" -c "{failed}"'
    if shutil.which("jq"):
        select = """jq -r 'select(.status=="error").input'"""
    done = shell.run(f"{select} < log.jsonl | cnncompress compress --files-from - --root train -d train_cnc --lossless")
    assert done.returncode == 0, done.stderr
    assert shell.names("train_cnc") == ["a/bad.cnc", "a/good.cnc"]


@needs("flock", "nice")
def test_7_cron(shell: Shell, photo: Image.Image) -> None:
    (shell.folder / "in").mkdir()
    photo.save(shell.folder / "in/a.png")
    done = shell.run(
        'env -i PATH="$PATH" flock -n lock nice -n 19 '
        "cnncompress compress -r in -d out --lossless --skip-existing --verify --rm --quiet"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert shell.names("in") == [] and shell.names("out") == ["a.cnc"]
    done = shell.run("cnncompress test -r out")
    assert (done.returncode, done.stdout) == (0, "")


@needs("make")
def test_9_make(shell: Shell, photo: Image.Image) -> None:
    (shell.folder / "Makefile").write_text("%.cnc: %.png ; cnncompress compress -f --lossless -o $@ $<\n")
    photo.save(shell.folder / "good.png")
    (shell.folder / "bad.png").write_bytes(b"nothing")
    os.utime(shell.folder / "good.png", (1, 1))
    assert shell.run("make bad.cnc").returncode == 2 and not (shell.folder / "bad.cnc").exists()
    assert shell.run("make good.cnc").returncode == 0 and (shell.folder / "good.cnc").exists()
    assert "up to date" in shell.run("make good.cnc").stdout


def test_11_python(shell: Shell, photo: Image.Image) -> None:
    photo.save(shell.folder / "a.png")
    package = Path(__file__).parents[2]
    done = shell.run(
        f'PYTHONPATH="{package}" "{sys.executable}" -c "import cnncompress; '
        "c = cnncompress.Codec(device='auto'); b = c.compress('a.png', quality=60); "
        "open('a.cnc', 'wb').write(b); print(c.decompress(b).size, cnncompress.info(b).quality)\""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{photo.size} 60.0\n", "")
    done = shell.run("cnncompress info a.cnc")
    assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr


@pytest.mark.slow
def test_12_terminated_over_night_and_gone_on_with(shell: Shell, photo: Image.Image) -> None:
    (shell.folder / "photos").mkdir()
    names = [f"photos/{number:03}.png" for number in range(150)]
    for name in names:
        photo.save(shell.folder / name)
    (shell.folder / "list.txt").write_text("\n".join(names))
    line = (
        "exec cnncompress compress --files-from list.txt -d out --device cpu --skip-existing --json > log.jsonl 2> err"
    )
    running = subprocess.Popen(["bash", "-c", line], cwd=shell.folder, env=shell.environment)
    log = shell.folder / "log.jsonl"
    deadline = time.monotonic() + 300
    while running.poll() is None and time.monotonic() < deadline:
        if log.exists() and log.read_text().count("\n") >= 3:
            break
        time.sleep(0.02)
    running.terminate()
    assert running.wait(60) == 143
    done = len([name for name in shell.names("out") if name.endswith(".cnc")])
    assert 3 <= done < len(names) and done == len(shell.names("out"))
    assert f"stopped: {done} done, {len(names) - done} left" in (shell.folder / "err").read_text()
    for name in names[done + 3 :]:
        (shell.folder / name).unlink()
    left = min(3, len(names) - done)
    (shell.folder / "list.txt").write_text("\n".join(names[: done + 3]))
    assert shell.run(line.removeprefix("exec ")).returncode == 0
    assert f"{left} files compressed" in (shell.folder / "err").read_text()
    assert f"{done} skipped" in (shell.folder / "err").read_text()


def test_help_of_every_command_is_quick_and_silent_on_standard_error(shell: Shell) -> None:
    done = shell.run("cnncompress --help && cnncompress compress --help | head -n 1")
    assert (done.returncode, done.stderr) == (0, "")
