"""Runs over many files that end early: by a signal, by a second one, and because nobody reads on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import COMMAND
from lossless_runs import names
from PIL import Image

FILES = 8


@pytest.fixture
def slow(folder: Path) -> list[str]:
    """A command that is busy for a while: with a small file first, and then with files of which each takes its time."""
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), np.uint8)
    Path("many").mkdir()
    for number in range(FILES):
        image = np.roll(noise, number, axis=1) if number else noise[:8, :8]
        Image.fromarray(image).save(f"many/{number}.bmp")
    return [*COMMAND, "compress", "--lossless", "-r", "many", "-d", "out", "-j", "2", "--json"]


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_between_files(
    slow: list[str], folder: Path, number: signal.Signals, exit_code: int
) -> None:
    process = subprocess.Popen(slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == exit_code
    summary = json.loads(output.splitlines()[-1])
    done = summary["ok"]
    assert summary["exit_code"] == exit_code
    assert f"stopped: {done} done, {FILES - done} left" in errors
    assert re.search(r"^cnncompress: finishing [12] files?; interrupt again to stop at once$", errors, re.MULTILINE)
    assert len(names(folder / "out")) == done < FILES
    assert all(name.endswith(".cnc") and not name.startswith(".") for name in names(folder / "out"))


def test_a_second_signal_ends_it_at_once(slow: list[str], folder: Path) -> None:
    process = subprocess.Popen(slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in errors
    assert not [name for name in names(folder / "out") if ".part" in name]


@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_a_reader_that_goes_away_from_an_image_ends_it_quietly(folder: Path, command: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3), np.uint8)  # too large for the buffer of a pipe
    Image.fromarray(noise).save("noise.bmp")
    compress = [*COMMAND, "compress", "--lossless"]
    subprocess.run([*compress, "noise.bmp"], check=True)
    start = compress if command == "compress" else [*COMMAND, "decompress", "--format", "png"]
    source = "noise.bmp" if command == "compress" else "noise.cnc"
    process = subprocess.Popen([*start, source, "-o", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(3)
    process.stdout.close()
    assert (process.wait(60), process.stderr.read()) == (141, b"")
    process.stderr.close()


def test_one_file_that_is_interrupted_is_not_written(folder: Path) -> None:
    os.mkfifo("endless")
    process = subprocess.Popen(
        [*COMMAND, "compress", "--lossless", "endless", "-o", "x.cnc"], stderr=subprocess.PIPE, text=True
    )
    with open("endless", "wb") as pipe:  # waits until the command has begun to read
        pipe.write(b"BM")
        pipe.flush()
        time.sleep(0.5)  # lets it come to wait for more: Python sees no signal between two reads of one file
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "cnncompress: interrupted; nothing written\n")
    assert names(folder) == ["a.bmp", "b.bmp"]


def test_a_reader_that_goes_away_ends_it_quietly(slow: list[str], folder: Path) -> None:
    process = subprocess.Popen(slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert (process.wait(120), process.stderr.read()) == (141, "")
    process.stderr.close()
    assert not [name for name in names(folder / "out") if ".part" in name]
