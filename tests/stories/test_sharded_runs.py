"""One run cut into shards: the same files, also after one of the tasks was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import COMMAND
from lossless_runs import compress, names
from PIL import Image

TASKS = 4


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty images in two folders, and one that is damaged."""
    monkeypatch.chdir(tmp_path)
    rows, columns = np.mgrid[0:24, 0:32]
    for number in range(40):
        folder = Path(f"in/{number % 2}")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.stack([rows * 5, columns * 3, rows + number], axis=2).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.bmp")
    return tmp_path


def files(folder: str) -> dict[str, bytes]:
    return {name: Path(folder, name).read_bytes() for name in names(Path(folder))}


def test_shards_make_the_files_of_one_run(photos: Path) -> None:
    assert compress("-r", "in", "-d", "whole").exit_code == 0
    for task in range(TASKS):
        result = compress("-r", "in", "-d", "out", "--shard", f"{task}/{TASKS}", "--json-file", "log-{shard}.jsonl")
        assert result.exit_code == 0, result.stderr
    assert files("out") == files("whole")
    lines = [json.loads(line) for task in range(TASKS) for line in Path(f"log-{task}.jsonl").read_text().splitlines()]
    done = [line["output"] for line in lines if line["type"] == "file"]
    assert sorted(done) == sorted(f"out/{name}" for name in names(Path("out")))
    assert sum(line["files"] for line in lines if line["type"] == "summary") == 40


def test_a_task_of_a_scheduler(photos: Path) -> None:
    variables = {"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ARRAY_SIZE": str(TASKS)}
    assert compress("-r", "in", "-d", "out", "--shard", "auto", **variables).exit_code == 0
    assert compress("-r", "in", "-d", "same", "--shard", f"1/{TASKS}").exit_code == 0
    assert files("out") == files("same")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in/0/0.bmp", "-o", "x.cnc", "--shard", "0/2"], "--shard does not work with a single output"),
        (["-r", "in", "--shard", "2/2"], "there is no shard 2 of 2; shards are counted from 0."),
        (["-r", "in", "--shard", "auto"], "auto needs one of the variables"),
    ],
)
def test_wrong_shards(photos: Path, arguments: list[str], message: str) -> None:
    result = compress(*arguments)
    assert result.exit_code == 2 and message in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_task_is_repeated(photos: Path) -> None:
    assert compress("-r", "in", "-d", "whole").exit_code == 0
    command = [*COMMAND, "compress", "--lossless", "-r", "in", "-d", "out", "--skip-existing", "-j", "1", "--shard"]
    for task in range(TASKS):
        process = subprocess.Popen([*command, f"{task}/{TASKS}"], stderr=subprocess.DEVNULL)
        if task == 1:
            before = len(names(Path("out")))
            while len(names(Path("out"))) < before + 2:  # in the middle of the share
                assert process.poll() is None
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert files("out") != files("whole")
            process = subprocess.Popen([*command, f"{task}/{TASKS}"], stderr=subprocess.DEVNULL)
        assert process.wait() == 0
    made = {name: data for name, data in files("out").items() if not name.endswith(".part")}
    assert made == files("whole")
