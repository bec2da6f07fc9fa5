"""The list of installed models."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from command_line import run

from cnncompress.model.manifest import read_manifest

models = partial(run, "models")


def test_table() -> None:
    manifest = read_manifest()
    lines = models().stdout.splitlines()
    assert len(lines) == 1 + len(manifest.entries)
    assert lines[0].split()[:4] == ["name", "fingerprint", "parameters", "size"]
    for line, entry in zip(lines[1:], manifest.entries, strict=True):
        assert line.startswith(entry.name + ("*" if entry.name == manifest.default else " "))
        assert entry.fingerprint in line and line.endswith(entry.file) and " MB " in line


def test_json() -> None:
    for line, entry in zip(models("--json").stdout.splitlines(), read_manifest().entries, strict=True):
        facts = json.loads(line)
        assert (facts["schema"], facts["name"], facts["sha256"]) == (1, entry.name, entry.sha256)
        assert Path(facts["path"]).stat().st_size == facts["bytes"]
        assert facts["qualities"] == [0, 100] and facts["training"]
    assert json.loads(models("--json").stdout.splitlines()[0])["default"] in (True, False)


def test_models_elsewhere(tmp_path: Path) -> None:
    manifest = read_manifest().directory / "manifest.json"
    (tmp_path / "manifest.json").write_bytes(manifest.read_bytes())
    folder = str(tmp_path)
    assert "  missing  " in models(CNNCOMPRESS_MODEL_DIR=folder).stdout
    assert json.loads(models("--json", CNNCOMPRESS_MODEL_DIR=folder).stdout.splitlines()[0])["bytes"] is None
    (tmp_path / "manifest.json").write_text("{}")
    result = models(CNNCOMPRESS_MODEL_DIR=folder)
    assert (result.exit_code, result.stdout) == (6, "")
    assert (
        result.stderr
        == f"cnncompress: {folder}/manifest.json: schema is missing (CNNCOMPRESS_MODEL_DIR names the folder)\n"
    )


@pytest.mark.parametrize("args", [["base"], ["--quiet"]])
def test_it_takes_nothing_else(args: list[str]) -> None:
    assert models(*args).exit_code == 2
