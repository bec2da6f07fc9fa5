from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from many_files import make_crops, megapixels
from PIL import Image
from programs import SOURCE, TARGET, THREADS, Program, ProgramError, checkout, folder_command, nearest, peers
from turns import Row, busy_loops, measure_many, take_turns
from versions import ROOT, Report, Settings, command_line, format_report, significant, write_report

from cnncompress.evaluation.environment import Environment

SETTINGS = Settings(
    quality=50.0, model=None, threads=2, repeat=7, many_repeat=1, photographs=48, small=2000, sides=(256,)
)
TIME = Row("compress", "s", {"before": [3.0, 9.0, 3.2], "this": [0.8, 0.7, 0.9], "cwebp": [0.1, 0.1, 0.1]})
SPEED = Row("small", "images/s", {"before": [20.0], "this": [50.0]})

COPY = "import pathlib, sys; pathlib.Path(sys.argv[2]).write_bytes(pathlib.Path(sys.argv[1]).read_bytes())"


def copier(name: str = "cwebp") -> Program:
    """A program whose files are copies of the images."""
    command = (sys.executable, "-c", COPY, SOURCE, TARGET, THREADS)
    return Program(name, "1.0", ".copy", command, command)


def test_the_gain_is_how_many_times_better_the_median_is() -> None:
    assert TIME.gain == pytest.approx(3.2 / 0.8)
    assert SPEED.gain == pytest.approx(2.5)


def test_the_table_has_a_column_for_each_program(tmp_path: Path) -> None:
    versions = {"before": "abc1234", "this": "def5678+", "cwebp": "1.2.4"}
    environment = Environment("3.11", "Linux x86_64", "A processor", 2, ())
    report = Report("kodim05.png, 768x512", versions, {"cwebp": "cwebp -m 6"}, SETTINGS, environment, [TIME, SPEED])
    first, _, *table, _, last = format_report(report).splitlines()
    assert first == (
        "kodim05.png, 768x512, quality 50; 2 threads, A processor, Linux x86_64; "
        "medians of 7 runs, of 1 over many images"
    )
    assert table == [
        "|  | before `abc1234` | this `def5678+` | gain | cwebp `1.2.4` |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| compress, s | 3.20 | 0.800 | 4.00x | 0.100 |",
        "| small, images/s | 20.0 | 50.0 | 2.50x | - |",
    ]
    assert last == "- cwebp: `cwebp -m 6`"
    write_report(report, tmp_path / "report.json")
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert document["versions"] == versions and document["rows"][0]["runs"] == TIME.runs


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.09876, "0.0988"), (0.999, "0.999"), (2.345, "2.35"), (28.04, "28.0"), (729.4, "729"), (27190, "27,190")],
)
def test_three_digits_count(number: float, text: str) -> None:
    assert significant(number) == text


def test_all_take_turns_and_the_warm_up_does_not_count() -> None:
    calls: list[str] = []

    def work(name: str) -> Callable[[], int]:
        def call() -> int:
            calls.append(name)
            return len(calls)

        return call

    assert take_turns({"a": work("a"), "b": work("b")}, 2, warm_up=True) == {"a": [3, 5], "b": [4, 6]}
    assert calls == ["a", "b"] * 3
    assert take_turns({"a": work("a")}, 1, warm_up=False) == {"a": [7]}


@pytest.mark.parametrize(("size", "quality"), [(0, 1), (104, 2), (106, 3), (149, 4), (151, 5), (9999, 5)])
def test_the_quality_of_the_nearest_size(size: int, quality: int) -> None:
    sizes = {1: 10, 2: 100, 3: 109, 4: 110, 5: 190}
    assert nearest(range(1, 6), size, sizes.__getitem__) == quality


def test_crops_are_squares_and_always_the_same(tmp_path: Path) -> None:
    source = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8))
    for name in ("once", "again", "generated"):
        (tmp_path / name).mkdir()
    make_crops(tmp_path / "once", 3, 16, [source, source.crop((0, 0, 60, 15))])
    make_crops(tmp_path / "again", 3, 16, [source])
    paths = sorted((tmp_path / "once").iterdir())
    assert len({path.read_bytes() for path in paths}) == 3 and megapixels(paths) == pytest.approx(3 * 256e-6)
    assert [path.read_bytes() for path in paths] == [
        path.read_bytes() for path in sorted((tmp_path / "again").iterdir())
    ]
    make_crops(tmp_path / "generated", 1, 64, [source])
    with Image.open(tmp_path / "generated" / "00000.png") as image:
        assert image.size == (64, 64) and np.asarray(image).std() > 10


def test_commands_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    program = checkout("this", ROOT, tmp_path, 50.0)
    assert "PYTHONDONTWRITEBYTECODE" not in program.environment and "OMP_NUM_THREADS" not in program.environment
    assert any(tmp_path.rglob("cnncompress/*.pyc"))
    assert command_line(program, 2) == "cnncompress compress --quiet --device cpu -T 2 -q 50"
    assert folder_command(program)[-4:] == ("-r", SOURCE, "-d", TARGET)
    with pytest.raises(ProgramError, match="no checkout of cnncompress in"):
        checkout("before", tmp_path, tmp_path, 50.0)


def test_cost_of_a_command(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"image")
    program = copier()
    cost = program.measure(program.compress, tmp_path / "source", tmp_path / "target", 1)
    assert (tmp_path / "target").read_bytes() == b"image"
    assert cost.cpu_seconds > 0 and cost.seconds > 0 and 1 < cost.peak_mib < 1000
    spin = replace(program, compress=(sys.executable, "-c", "b = bytearray(2**26)\nfor _ in range(10**7): pass"))
    more = spin.measure(spin.compress, tmp_path / "source", tmp_path / "target", 1)
    assert more.peak_mib > cost.peak_mib + 50 and more.cpu_seconds > cost.cpu_seconds
    with pytest.raises(ProgramError, match=r"cwebp \(.*\) failed with exit code 1: FileNotFoundError"):
        program.run(program.compress, tmp_path / "missing", tmp_path / "target", 1)


def test_other_programs_get_a_share_of_many_images(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(17):
        (tmp_path / "in" / f"{number:02}.png").write_bytes(b"image")
    row = measure_many("17 images", "images/s", len, [copier()], tmp_path / "in", tmp_path, 2, 2)
    assert sorted(path.name for path in tmp_path.glob("*.copy")) == ["00.copy", "08.copy", "16.copy"]
    assert [len(runs) for runs in row.runs.values()] == [2] and min(row.runs["cwebp"]) > 0


def test_busy_loops_end_with_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    loops: list[subprocess.Popen[str]] = []
    start = subprocess.Popen

    def started(command: list[str]) -> subprocess.Popen[str]:
        loops.append(start(command, text=True))
        return loops[-1]

    monkeypatch.setattr(subprocess, "Popen", started)
    with pytest.raises(KeyError), busy_loops(2):
        assert [loop.poll() for loop in loops] == [None, None]
        raise KeyError
    assert all(loop.poll() is not None for loop in loops)


@pytest.mark.slow
def test_other_programs_come_near_to_a_size(tmp_path: Path, coffee: np.ndarray) -> None:
    Image.fromarray(coffee).save(tmp_path / "coffee.png")
    found = list(peers(tmp_path / "coffee.png", 16_000, tmp_path))
    if not found:
        pytest.skip("neither cwebp, avifenc nor cjxl is installed")
    for program in found:
        program.run(program.compress, tmp_path / "coffee.png", tmp_path / program.name, 1)
        assert (tmp_path / program.name).stat().st_size == pytest.approx(16_000, rel=0.15)
        program.run(program.decompress, tmp_path / program.name, tmp_path / "back.png", 1)
        with Image.open(tmp_path / "back.png") as image:
            assert image.size == (600, 400)
