"""docs/SCALE.md: its job files are read as their schedulers read them, and what they run is run, task by task."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command_line import run
from lossless_runs import names
from PIL import Image
from sample_files import encoded
from tar_files import tar_of

from cnncompress.webdataset import compress_tars

DOCUMENT = Path(__file__).parents[2] / "docs" / "SCALE.md"
TASKS = 3

pytestmark = pytest.mark.skipif(not DOCUMENT.exists(), reason="no docs beside the tests")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), flags=re.M | re.S)


def one(language: str, text: str) -> str:
    (found,) = [block for block in blocks(language) if text in block]
    return found


def smaller(job: str) -> str:
    """A job of three tasks instead of a hundred."""
    return re.sub(r"\b100\b", str(TASKS), re.sub(r"\b0-99\b", f"0-{TASKS - 1}", job))


def picture(seed: int) -> bytes:
    rows, columns = np.mgrid[0:16, 0:16]
    return encoded(Image.fromarray(np.stack([rows * 9, columns * 9, rows + seed], axis=2).astype(np.uint8)))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder in the place of /data, with twelve images and a list of them."""
    photos = tmp_path / "photos"
    (photos / "sub").mkdir(parents=True)
    (tmp_path / "logs").mkdir()
    paths = [photos / f"{number}.png" for number in range(6)] + [
        photos / "sub" / f"{number}.png" for number in range(6)
    ]
    for number, path in enumerate(paths):
        path.write_bytes(picture(number))
    (tmp_path / "list.txt").write_text("\n".join(map(str, paths)))
    return tmp_path


def run_tasks(command: list[str], variables: list[dict[str, str]]) -> Iterator[str]:
    """Runs the command in each task, without a model, and twice in the first; yields what it prints."""
    assert command[0] == "cnncompress" and "-q" in command
    quality = command.index("-q")
    command = [*command[1:quality], "--lossless", *command[quality + 2 :]]
    for task in (variables[0], *variables):
        done = run(*command, data=None, **task)
        assert done.exit_code == 0, done.stderr
        yield done.stdout


def test_slurm(data: Path) -> None:
    script = smaller(one("sh", "#SBATCH")).replace("/data", str(data))
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(.+)$", script, flags=re.M))
    first, last, _ = map(int, re.findall(r"\d+", options["array"]))
    assert (first, last) == (0, TASKS - 1)
    command = shlex.split(script.splitlines()[-1].removeprefix("exec "))
    variables = [
        {
            "SLURM_ARRAY_TASK_ID": str(task),
            "SLURM_ARRAY_TASK_MIN": str(first),
            "SLURM_ARRAY_TASK_MAX": str(last),
            "SLURM_ARRAY_TASK_COUNT": str(last - first + 1),
        }
        for task in range(first, last + 1)
    ]
    assert len(list(run_tasks(command, variables))) == TASKS + 1
    assert len(names(data / "cnc")) == 12
    summaries = [json.loads(path.read_text().splitlines()[-1]) for path in sorted((data / "logs").iterdir())]
    assert [path.name for path in sorted((data / "logs").iterdir())] == [f"{task}.jsonl" for task in range(TASKS)]
    assert sum(summary["files"] for summary in summaries) == 12


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_files_are_counted_once_whatever_happens_to_the_tasks(data: Path) -> None:
    (line,) = [line for line in "".join(blocks("sh")).splitlines() if line.startswith("jq -s")]
    (data / "photos" / "broken.png").write_bytes(b"no image")

    def run_task(task: int) -> None:
        words = ("-r", data / "photos", "-d", data / "cnc", "--shard", f"{task}/{TASKS}", "--skip-existing")
        run("compress", "--lossless", *words, "--json-file", data / "logs" / "{shard}.jsonl")

    def counted() -> object:
        done = subprocess.run(["sh", "-c", line], cwd=data, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    for task in range(TASKS):
        run_task(task)
    assert counted() == {"done": 12, "failed": 1}
    for log in (data / "logs").iterdir():  # killed before the last record and the summary were written
        log.write_text("".join(log.read_text().splitlines(keepends=True)[:-2]))
    for task in range(TASKS):
        run_task(task)
    assert counted() == {"done": 12, "failed": 1}


def test_aws_batch() -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    job = json.loads(smaller(one("json", "jobDefinitionName")).replace("s3://", "memory://"))
    size = int(re.findall(r"size=(\d+)", smaller(one("sh", "aws batch submit-job")))[0])
    system = fsspec.filesystem("memory")
    system.store.clear()
    for number in range(5):
        system.pipe_file(f"/photos/tars/{number}.tar", tar_of({"a.png": picture(number)}))
    listed = "\n".join(f"memory://photos/tars/{number}.tar" for number in range(5))
    system.pipe_file("/photos/tars.txt", listed.encode())
    variables = [
        {"AWS_BATCH_JOB_ARRAY_INDEX": str(task), "AWS_BATCH_JOB_ARRAY_SIZE": str(size)} for task in range(size)
    ]
    printed = list(run_tasks(job["containerProperties"]["command"], variables))
    made = [path.removeprefix("/photos-cnc/tars/") for path in system.find("/photos-cnc")]
    assert sorted(made) == sorted(f"{number}.tar{ending}" for number in range(5) for ending in ("", ".json"))
    assert sum(json.loads(text.splitlines()[-1])["images"] for text in printed) == 5
    assert job["retryStrategy"]["evaluateOnExit"][0] == {"onExitCode": "1", "action": "EXIT"}


def test_kubernetes(data: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    spec = yaml.safe_load(smaller(one("yaml", "kind: Job")))["spec"]
    assert (spec["completionMode"], spec["completions"]) == ("Indexed", TASKS)
    (container,) = spec["template"]["spec"]["containers"]
    assert all(isinstance(word, str) for word in container["command"])
    command = [word.replace("/data", str(data)) for word in container["command"]]
    variables = [{"JOB_COMPLETION_INDEX": str(task)} for task in range(spec["completions"])]
    printed = list(run_tasks(command, variables))
    assert len(names(data / "cnc")) == 12
    first, again, *_ = (json.loads(text.splitlines()[-1]) for text in printed)
    assert first["ok"] == again["skipped"] > 0 and again["ok"] == 0, "a restart does nothing twice"


def test_spark_and_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[str], str]] = []

    def compress_nothing(tars: Any, folder: str) -> Iterator[dict[str, Any]]:
        asked.append((list(tars), folder))
        yield {}

    monkeypatch.setattr("cnncompress.webdataset.compress_tars", compress_nothing)
    data = SimpleNamespace(mapPartitions=lambda work: SimpleNamespace(collect=lambda: list(work(iter(["a", "b"])))))
    exec(one("python", "mapPartitions"), {"spark": SimpleNamespace(parallelize=lambda *_: data), "tars": ["a", "b"]})
    client = SimpleNamespace(map=lambda work, tars, **_: [work(tar) for tar in tars], gather=lambda futures: futures)
    exec(one("python", "client.map"), {"client": client, "tars": ["c", "d"]})
    folder = "s3://photos-cnc/tars"
    assert asked == [(["a", "b"], folder), (["c"], folder), (["d"], folder)]
    assert callable(compress_tars)


def test_other_lines() -> None:
    for block in blocks("python"):
        compile(block, "SCALE.md", "exec")
    for line in "".join(blocks("sh")).splitlines():
        if line.startswith("cnncompress "):
            words = shlex.split(line, comments=True)
            help_text = run(words[1], "--help").stdout
            for option in (word for word in words if re.match(r"--?[a-z]", word)):
                assert re.search(rf"(?<![\w-]){option}\b", help_text), option
