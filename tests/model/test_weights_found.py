"""Which weights file a name, a path or a fingerprint means, and the hash that it must have."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cnncompress.errors import InvalidModel, ModelError, UnknownModel
from cnncompress.model.manifest import (
    MODELS_VARIABLE,
    Entry,
    FoundWeights,
    Manifest,
    TrainingRecord,
    find_by_fingerprint,
    find_weights,
    read_manifest,
    write_manifest,
)
from cnncompress.model.weights import load_weights


def test_shipped_model_loads_by_name_and_path() -> None:
    manifest = read_manifest()
    entry = manifest.entries[0]
    found = find_weights(entry.name)
    assert found[:3] == (entry.name, manifest.directory / entry.file, entry.sha256)
    assert found.typical == entry.typical
    by_path = find_weights(manifest.directory / entry.file)
    assert by_path == FoundWeights(Path(entry.file).stem, manifest.directory / entry.file)
    assert find_weights(None).name == manifest.default
    assert load_weights(None).similarity_share == 0.43
    assert find_by_fingerprint(bytes.fromhex(entry.fingerprint)) == entry.name


def test_files_that_are_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photo.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InvalidModel, match=r"photo\.jpg is not a weights file: its name does not end in \.safetensors"):
        find_weights("photo.jpg")


def test_unknown_models(tmp_path: Path) -> None:
    for model in (tmp_path / "none.safetensors", str(tmp_path / "none.safetensors"), "folder/none", tmp_path):
        with pytest.raises(UnknownModel, match="no weights file"):
            load_weights(model)
    with pytest.raises(UnknownModel, match=r"no model named 'none'; available: \w+"):
        load_weights("none")
    with pytest.raises(UnknownModel, match="fingerprint 00000000, which is not installed"):
        find_by_fingerprint(bytes(4))


def listed(path: Path, monkeypatch: pytest.MonkeyPatch, sha256: str) -> None:
    """Puts a file into a manifest of its own, which the program then finds."""
    entry = Entry("tiny", path.name, sha256, "none", 1, 1.0, 1.0, {}, TrainingRecord(), [])
    write_manifest(Manifest(path.parent, "tiny", (entry,)))
    monkeypatch.setenv(MODELS_VARIABLE, str(path.parent))


def test_hash_of_the_manifest(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    listed(path, monkeypatch, sha256)
    assert load_weights(None).name == load_weights("tiny").name == "tiny"
    assert find_by_fingerprint(bytes.fromhex(sha256[:8])) == "tiny"
    listed(path, monkeypatch, "0" * 64)
    with pytest.raises(InvalidModel, match=rf"SHA-256 is {sha256[:8]}\.\.\., the manifest says 00000000\.\.\."):
        load_weights("tiny")
    path.unlink()
    with pytest.raises(InvalidModel, match=r"model tiny with fingerprint 00000000: .*tiny\.safetensors: No such file"):
        load_weights("tiny")


def test_every_error_is_a_model_error() -> None:
    assert issubclass(InvalidModel, ModelError) and issubclass(UnknownModel, ModelError)
