"""The script that writes golden files adds to those that are there, and changes and removes none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import test_golden
import test_golden_plain

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / "scripts").is_dir(), reason="no scripts beside the tests")


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(ROOT / "scripts" / "regen_golden.py"), "--directory", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_list(folder: Path, entries: list[dict[str, str]]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "golden.json").write_text(json.dumps({"schema": 1, "files": entries}), encoding="utf-8")


@pytest.mark.slow
def test_files_that_are_there_stay(tmp_path: Path) -> None:
    """Those of a model that is not shipped any more too; what is added passes the tests of golden files."""
    old = {"file": "old.cnc", "pixels": "old.png", "model": "old", "fingerprint": "00000000", "symbols_sha256": ""}
    write_list(tmp_path, [old])
    (tmp_path / "plain").mkdir()
    there = {"old.cnc": b"old file", "old.png": b"old pixels"}
    there |= {
        f"plain/lossless-l.{end}": (test_golden_plain.GOLDEN / f"lossless-l.{end}").read_bytes()
        for end in ("cnc", "png")
    }
    for name, content in there.items():
        (tmp_path / name).write_bytes(content)

    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    first = contents(tmp_path)
    assert {name: first[name] for name in there} == there
    found, plain = test_golden.entries(tmp_path), test_golden_plain.entries(tmp_path / "plain")
    assert f"{len(found)} golden files, and {len(plain)} without a model" in done.stdout and len(found) >= 11
    assert found[0] == old
    decoders = test_golden.Decoders()
    for entry in found[1:5]:
        test_golden.check(entry, tmp_path, decoders)
    assert {entry["file"] for entry in plain} == {
        entry["file"] for entry in test_golden_plain.entries(test_golden_plain.GOLDEN)
    }
    for entry in plain:
        test_golden_plain.check(entry, tmp_path / "plain")

    again = run(tmp_path)
    assert (again.stdout, contents(tmp_path)) == (done.stdout, first)


def test_a_model_of_the_same_name_as_another_is_refused(tmp_path: Path) -> None:
    listed = {**test_golden.entries(test_golden.GOLDEN)[0], "fingerprint": "00000000"}
    write_list(tmp_path, [listed])
    before = contents(tmp_path)
    done = run(tmp_path)
    assert done.returncode == 1 and "base-photo-q0.cnc is of model 00000000" in done.stderr
    assert contents(tmp_path) == before
