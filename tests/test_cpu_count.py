"""How many CPUs a process may use, from files as Linux has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cnncompress.cpu_count import available_cores, cpu_count

V1 = "4:cpu,cpuacct:{group}\n2:memory:{group}\n"
V2 = "0::{group}\n"


@pytest.fixture(autouse=True)
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)


def process(folder: Path, groups: str, mounts: str) -> Path:
    """The folder of a process."""
    found = folder / "proc"
    found.mkdir()
    (found / "cgroup").write_text(groups)
    (found / "mountinfo").write_text(mounts)
    return found


def mount(folder: Path, root: str = "/", kind: str = "cgroup2", options: str = "rw") -> str:
    """A line of mountinfo."""
    return f"30 24 0:26 {root} {folder} rw,nosuid shared:9 - {kind} {kind} {options}\n"


def set_quota(folder: Path, quota: str, *, v1: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if v1:
        (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        (folder / "cpu.cfs_period_us").write_text("100000\n")
    else:
        (folder / "cpu.max").write_text(f"{quota} 100000\n")


@pytest.mark.parametrize(
    ("quota", "expected"), [("50000", 1), ("100000", 1), ("150000", 2), ("400000", 4), ("9900000", 8), ("max", 8)]
)
def test_version_2(quota: str, expected: int, tmp_path: Path) -> None:
    set_quota(tmp_path / "fs", quota)
    assert cpu_count(process(tmp_path, V2.format(group="/"), mount(tmp_path / "fs"))) == expected


@pytest.mark.parametrize(("quota", "expected"), [("50000", 1), ("200000", 2), ("-1", 8)])
def test_version_1(quota: str, expected: int, tmp_path: Path) -> None:
    set_quota(tmp_path / "fs" / "docker" / "a", quota, v1=True)
    mounts = mount(tmp_path / "fs", kind="cgroup", options="rw,cpu,cpuacct") + mount(
        tmp_path, kind="cgroup", options="rw,memory"
    )
    assert cpu_count(process(tmp_path, V1.format(group="/docker/a"), mounts)) == expected


def test_groups_around_count_too(tmp_path: Path) -> None:
    set_quota(tmp_path / "fs" / "pod" / "container", "max")
    set_quota(tmp_path / "fs" / "pod", "200000")
    assert cpu_count(process(tmp_path, V2.format(group="/pod/container"), mount(tmp_path / "fs"))) == 2


def test_a_container_sees_its_own_part_of_the_tree(tmp_path: Path) -> None:
    """Version 1 in a container: the path is that of the host, and the mount begins at it."""
    set_quota(tmp_path / "fs", "50000", v1=True)
    for group, root in (("/docker/a", "/docker/a"), ("/../..", "/"), ("/docker/a", "/docker/b")):
        folder = tmp_path / group.replace("/", "_") / root.replace("/", "_")
        folder.mkdir(parents=True)
        mounts = mount(tmp_path / "fs", root, "cgroup", "rw,cpu")
        assert cpu_count(process(folder, V1.format(group=group), mounts)) == 1


def test_escaped_paths(tmp_path: Path) -> None:
    set_quota(tmp_path / "f s", "300000")
    mounts = mount(Path(str(tmp_path / "f s").replace(" ", "\\040")))
    assert cpu_count(process(tmp_path, V2.format(group="/"), mounts)) == 3


@pytest.mark.parametrize("content", ["", "x", "0 0", "1", "-5 100000", "a b"])
def test_senseless_files_are_no_quota(content: str, tmp_path: Path) -> None:
    (tmp_path / "fs").mkdir()
    (tmp_path / "fs" / "cpu.max").write_text(content)
    assert cpu_count(process(tmp_path, V2.format(group="/"), "x\n" + mount(tmp_path / "fs"))) == 8
    assert cpu_count(tmp_path / "missing") == 8


def test_the_number_that_was_told_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnncompress.cpu_count.cpu_count", lambda: 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert available_cores() == 5
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert available_cores() == 3
