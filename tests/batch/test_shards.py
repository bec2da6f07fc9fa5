"""Shares of a run: chosen from names, complete, and the same for every task."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from cnncompress.batch.inputs import find_names
from cnncompress.batch.plan import make_plan
from cnncompress.batch.request import Inputs, Outputs, Request, Shard
from cnncompress.batch.shards import every_nth, holds, parse_shard
from cnncompress.errors import PlanError

SLURM = {
    "SLURM_ARRAY_TASK_ID": "5",
    "SLURM_ARRAY_TASK_MIN": "0",
    "SLURM_ARRAY_TASK_MAX": "9",
    "SLURM_ARRAY_TASK_COUNT": "10",
}
AWS = {"AWS_BATCH_JOB_ARRAY_INDEX": "3", "AWS_BATCH_JOB_ARRAY_SIZE": "8"}
KUBERNETES = {"JOB_COMPLETION_INDEX": "2"}
REPEATED = {**SLURM, "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_MAX": "17", "SLURM_ARRAY_TASK_COUNT": "2"}


@pytest.mark.parametrize(
    ("text", "environment", "shard"),
    [
        ("0/1", {}, Shard(0, 1)),
        ("3/100", SLURM, Shard(3, 100)),
        ("auto", SLURM, Shard(5, 10)),
        ("auto", {**SLURM, "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "10"}, Shard(4, 10)),
        ("auto/100", SLURM, Shard(5, 100)),
        ("auto/100", REPEATED, Shard(5, 100)),
        ("auto", AWS, Shard(3, 8)),
        ("auto/16", AWS, Shard(3, 16)),
        ("auto/4", KUBERNETES, Shard(2, 4)),
    ],
)
def test_shards_of_schedulers(text: str, environment: dict[str, str], shard: Shard) -> None:
    assert parse_shard(text, environment) == shard


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        ("4/4", {}, "there is no shard 4 of 4; shards are counted from 0"),
        ("0/0", {}, "there is no shard 0 of 0"),
        ("-1/4", {}, "'-1/4' is not a shard like 0/100, auto or auto/100"),
        ("1", {}, "is not a shard"),
        ("auto/", {}, "is not a shard"),
        ("auto", {}, "auto needs one of the variables SLURM_ARRAY_TASK_ID, .*; none is set"),
        ("auto", KUBERNETES, "give it, as in auto/100"),
        ("auto/2", KUBERNETES, "there is no shard 2 of 2"),
        ("auto/9", SLURM, "the tasks of the array go up to 9; shards are counted from 0, so --array=0-8"),
        ("auto", REPEATED, "a Slurm array of 2 tasks from 3 to 17 does not tell the number of shards"),
        ("auto", {**SLURM, "SLURM_ARRAY_TASK_COUNT": "5"}, "does not tell the number of shards"),
        ("auto", {**SLURM, "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_COUNT": "5"}, "of 5 tasks from 5 to 9"),
        ("auto", {**SLURM, "SLURM_ARRAY_TASK_ID": "x"}, "SLURM_ARRAY_TASK_ID is 'x', expected a number"),
        ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "0"}, "AWS_BATCH_JOB_ARRAY_SIZE is '', expected a number"),
    ],
)
def test_what_does_not_tell_a_shard(text: str, environment: dict[str, str], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        parse_shard(text, environment)


def test_shares_are_even_and_complete() -> None:
    names = [f"photos/{number:05}.jpg" for number in range(4000)]
    shares = [[name for name in names if holds(Shard(index, 4), name)] for index in range(4)]
    assert sorted(name for share in shares for name in share) == names
    assert all(900 < len(share) < 1100 for share in shares)
    assert [list(every_nth(Shard(index, 3), range(7))) for index in range(3)] == [[0, 3, 6], [1, 4], [2, 5]]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders with files of the same names."""
    monkeypatch.chdir(tmp_path)
    for folder in ("in/x", "in/y"):
        Path(folder).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (2, 2)).save(f"{folder}/{number}.png")
    return tmp_path


def sources(shard: Shard | None, *paths: str, **outputs: object) -> set[str]:
    request = Request("compress", Inputs(paths, recursive=True), Outputs(**outputs), shard)  # type: ignore[arg-type]
    return {job.source for job in make_plan(request).jobs}


def test_shares_of_a_folder(tree: Path) -> None:
    everything = sources(None, "in", folder=Path("out"))
    shares = [sources(Shard(index, 3), "in", folder=Path("out")) for index in range(3)]
    assert set.union(*shares) == everything and sum(map(len, shares)) == len(everything) == 20
    assert all(shares), "an empty share among three tests nothing"


def test_the_share_does_not_depend_on_the_way_to_the_folder(tree: Path) -> None:
    def names(*paths: str, **outputs: object) -> set[str]:
        return {str(Path(path).resolve()) for path in sources(Shard(1, 3), *paths, **outputs)}

    listed = [str(path) for path in sorted(Path("in").rglob("*.png"))]
    share = names("in", folder=Path("out"))
    assert names(str(tree / "in"), folder=Path("out")) == share
    assert names(*listed, folder=Path("out"), root=Path("in")) == share
    assert names(*map(str, sorted(tree.rglob("*.png"))), folder=Path("out"), root=Path("in")) == share


def test_the_share_does_not_depend_on_what_else_is_there(tree: Path) -> None:
    before = sources(Shard(0, 2), "in", folder=Path("out"))
    Image.new("RGB", (2, 2)).save("in/x/00.png")
    assert before <= sources(Shard(0, 2), "in", folder=Path("out")) <= before | {"in/x/00.png"}


def test_only_the_own_share_is_opened(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = sources(Shard(1, 4), "in", folder=Path("out"))
    for path in Path("in").rglob("*.png"):
        if str(path) not in own:
            path.unlink()
            path.mkdir()  # cannot be opened
    missing = [f"in/x/{number}.png" for number in range(10)]
    assert sources(Shard(1, 4), *missing, folder=Path("out"), root=Path("in")) == {
        name for name in own if name.startswith("in/x/")
    }
    assert [found.kind for found in find_names(Inputs(("nowhere.png",)))] == [None]


def test_collisions_are_those_of_all_names(tree: Path) -> None:
    shutil.copy("in/x/0.png", "in/x/0.jpg")
    for index in range(2):
        with pytest.raises(PlanError, match=r"in/x/0\.jpg and in/x/0\.png would both become out/x/0\.cnc"):
            sources(Shard(index, 2), "in", folder=Path("out"))
    assert sources(Shard(0, 2), "in", folder=Path("out"), append_suffix=True)


def test_one_file_of_several_is_not_a_single_file(tree: Path) -> None:
    for index in range(4):
        request = Request("compress", Inputs(("in/x/0.png", "in/x/1.png")), Outputs(), Shard(index, 4))
        assert not make_plan(request).single
    assert make_plan(Request("compress", Inputs(("in/x/0.png",)), Outputs(), Shard(0, 1))).single
