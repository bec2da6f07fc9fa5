"""The command on a Ray cluster: the files of a plain run, also when a machine dies in the middle."""

from __future__ import annotations

import importlib
import json
import logging
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import COMMAND, run
from lossless_runs import compress, names
from numpy.typing import NDArray
from PIL import Image

import cnncompress
from cnncompress.ray import Compress

IMAGES = 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-", "--ray", "auto"], "--ray needs files as input and output, not standard streams"),
        (["a.bmp", "--ray", "auto", "--device", "cuda:1"], "--device must be auto, cpu or cuda"),
    ],
)
def test_wrong_command_lines(folder: Path, arguments: list[str], message: str) -> None:
    result = compress(*arguments)
    assert result.exit_code == 2 and message in result.stderr


def test_batches_of_a_pipeline(coffee: NDArray[np.uint8], tmp_path: Path) -> None:
    Image.fromarray(coffee[:48, :64]).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    batch = {"path": np.array(["a.png", "b.png"], object), "bytes": np.array([data, b"no image"], object)}
    made = Compress(coding="lossless")(batch)
    assert made.keys() == {"path", "cnc", "error"}
    assert (made["error"][0], made["cnc"][1]) == (None, None) and "not an image" in made["error"][1]
    assert np.array_equal(np.asarray(cnncompress.decompress(made["cnc"][0])), coffee[:48, :64])
    assert run("compress", "--lossless", tmp_path / "a.png", "-d", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "a.cnc").read_bytes() == made["cnc"][0]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coffee: NDArray[np.uint8]) -> Path:
    """Small photographs, and a file that is none."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for number in range(IMAGES):
        Image.fromarray(coffee[number : number + 64, 2 * number : 2 * number + 64]).save(f"in/{number:03}.png")
    Path("in/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    return tmp_path


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of two machines with a CPU each, both of them this one."""
    utils = pytest.importorskip("ray.cluster_utils", reason="ray is not installed")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    quick = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 2}
    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": quick}
    running = utils.Cluster(initialize_head=True, head_node_args=head)
    yield running
    running.shutdown()


def files(folder: str) -> dict[str, bytes]:
    return {name: Path(folder, name).read_bytes() for name in names(Path(folder))}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of Ray
def test_a_machine_that_dies_costs_time_only(photos: Path, cluster: Any) -> None:
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    command = [*COMMAND, "compress", "-r", "in", "--device", "cpu"]
    plain = subprocess.run([*command, "-d", "plain"], capture_output=True, text=True, check=False)
    assert plain.returncode == 1 and f"{IMAGES} files compressed" in plain.stderr
    process = subprocess.Popen(
        [*command, "-d", "out", "--ray", cluster.address, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(names(Path("out"))) < IMAGES // 3:
        assert process.poll() is None
        time.sleep(0.01)
    before = {name: Path("out", name).stat().st_mtime_ns for name in names(Path("out"))}
    cluster.remove_node(second, allow_graceful=False)
    printed, messages = process.communicate(timeout=200)
    assert process.returncode == 1 and f"{IMAGES} files compressed" in messages, messages
    assert "in/broken.png: " in messages and "1 failed" in messages
    assert files("out") == files("plain"), "every output is there, and none is damaged"
    lines = [json.loads(line) for line in printed.splitlines()]  # and nothing of Ray's
    assert sorted(line["input"] for line in lines[:-1]) == sorted(f"in/{name}" for name in names(Path("in")))
    finished = [name for name in before if not name.endswith(".part")]
    assert {name: Path("out", name).stat().st_mtime_ns for name in finished} == {
        name: before[name] for name in finished
    }, "nothing that was finished is done twice"


@pytest.mark.slow
def test_no_cluster(folder: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    command = [*COMMAND, "compress", "a.bmp", "--lossless", "--ray", "127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 7 and "no Ray cluster at 127.0.0.1:1: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of Ray
def test_ray_data(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="ray is not installed")
    for package in ("pyarrow", "pandas"):
        pytest.importorskip(package, reason=f"Ray Data needs {package}")
    importlib.import_module("ray.data")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        data = ray.data.read_binary_files("in", include_paths=True)
        rows = data.map_batches(
            Compress, fn_constructor_kwargs={"quality": 60}, batch_size=16, concurrency=1
        ).take_all()
    finally:
        ray.shutdown()
    made = {Path(row["path"]).name: row["cnc"] for row in rows if row["error"] is None}
    assert run("compress", "-r", "in", "-d", "plain", "--device", "cpu").exit_code == 1
    assert {name.replace(".png", ".cnc"): data for name, data in made.items()} == files("plain")
    assert [Path(row["path"]).name for row in rows if row["error"] is not None] == ["broken.png"]
