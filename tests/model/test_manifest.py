"""The list of models: where it is looked for, what it must hold, and damage."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

import cnncompress
from cnncompress.errors import InvalidModel
from cnncompress.model import manifest
from cnncompress.model.config import ModelConfig
from cnncompress.model.manifest import (
    MANIFEST_NAME,
    NOT_MEASURED,
    Entry,
    Manifest,
    TrainingRecord,
    Typical,
    models_directory,
    read_manifest,
    write_manifest,
)

Figures = tuple[float, ...]

ENTRY = Entry(
    name="first",
    file="first.safetensors",
    sha256="0123456789abcdef" * 4,
    licence="Apache-2.0",
    parameters=5,
    encode_kmac_per_pixel=1.5,
    decode_kmac_per_pixel=2.5,
    config={"latent_channels": 4},
    training=TrainingRecord(1.5, 7, "torch", ("a.png",), None, {"objective": "mse"}),
    data_sources=["here"],
)


def write_values(folder: Path, **changes: object) -> None:
    """Writes a manifest of one model, some of whose fields are others."""
    values = {"schema": 1, "default": "first", "models": [{**asdict(ENTRY), **changes}]}
    (folder / MANIFEST_NAME).write_text(json.dumps(values))


def test_round_trip(tmp_path: Path) -> None:
    typical = Typical((0.0, 50.0, 100.0), (0.1, 0.5, 2.0), (25.0, 30.0, 40.0))
    second = replace(ENTRY, name="second", sha256="f" * 64, typical=typical)
    written = Manifest(tmp_path, "second", (ENTRY, second))
    write_manifest(written)
    assert read_manifest(tmp_path) == written
    assert written.by_name("first") is ENTRY and written.by_name("third") is None
    assert ENTRY.fingerprint == "01234567"
    assert written.by_fingerprint("ffffffff") is second and written.by_fingerprint("00000000") is None


@pytest.mark.parametrize(
    ("qualities", "bpp", "psnr"),
    [
        ((50.0,), (0.5,), (30.0,)),
        ((0.0, 50.0), (0.1, 0.5), (25.0,)),
        ((0.0, 50.0), (0.5, 0.5), (25.0, 30.0)),
        ((0.0, 50.0), (0.0, 0.5), (25.0, 30.0)),
        ((50.0, 0.0), (0.1, 0.5), (25.0, 30.0)),
    ],
)
def test_figures_that_no_search_can_use(qualities: Figures, bpp: Figures, psnr: Figures, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="typical"):
        Typical(qualities, bpp, psnr)
    write_values(tmp_path, typical={"qualities": qualities, "bpp": bpp, "psnr": psnr})
    with pytest.raises(InvalidModel, match="typical"):
        read_manifest(tmp_path)


def test_models_without_figures_can_be_used(tmp_path: Path) -> None:
    write_manifest(Manifest(tmp_path, "first", (ENTRY,)))
    values = json.loads((tmp_path / MANIFEST_NAME).read_text())
    del values["models"][0]["typical"]
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(values))
    assert read_manifest(tmp_path).entries == (ENTRY,) and ENTRY.typical == NOT_MEASURED


def test_records_of_training_may_have_gaps(tmp_path: Path) -> None:
    entry = replace(ENTRY, training=TrainingRecord())
    write_values(tmp_path, training={})
    assert read_manifest(tmp_path).entries == (entry,)


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ("mse", "training"), (7, "training"), ({"held_out": "a.png"}, "held_out"), ({"held_out": [7]}, "held_out"),
        ({"held_out": None}, "held_out"), ({"config": "mse"}, "config"), ({"minutes": "a"}, "minutes"),
        ({"minutes": True}, "minutes"), ({"steps": 1.5}, "steps"), ({"environment": []}, "environment"),
        ({"commit": 7}, "commit"),
    ],
)  # fmt: skip
def test_records_of_training_that_are_none(record: object, field: str, tmp_path: Path) -> None:
    write_values(tmp_path, training=record)
    with pytest.raises(InvalidModel, match=rf"{MANIFEST_NAME}: {field} is .*, must be "):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 7), ("file", None), ("sha256", ["0"]), ("licence", 7), ("parameters", 1.5), ("parameters", False),
        ("encode_kmac_per_pixel", "1"), ("decode_kmac_per_pixel", None), ("config", []), ("data_sources", "here"),
        ("data_sources", [7]), ("typical", [1, 2]),
    ],
)  # fmt: skip
def test_fields_of_another_type(field: str, value: object, tmp_path: Path) -> None:
    write_values(tmp_path, **{field: value})
    with pytest.raises(InvalidModel, match=rf"{MANIFEST_NAME}: {field} is .*, must be "):
        read_manifest(tmp_path)


def test_fields_of_a_newer_version_are_ignored(tmp_path: Path) -> None:
    typical = {**asdict(NOT_MEASURED), "ssimulacra2": [30.0, 90.0]}
    write_values(tmp_path, colour="red", training={**asdict(ENTRY.training), "energy": 7}, typical=typical)
    assert read_manifest(tmp_path).entries == (ENTRY,)


def test_shipped_manifest_tells_the_truth() -> None:
    shipped = read_manifest()
    assert shipped.by_name(shipped.default) is not None
    names, fingerprints = ([getattr(entry, key) for entry in shipped.entries] for key in ("name", "fingerprint"))
    assert len(set(names)) == len(names) and len(set(fingerprints)) == len(fingerprints)
    for entry in shipped.entries:
        data = (shipped.directory / entry.file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry.sha256
        assert ModelConfig(**{**entry.config, "lambdas": tuple(entry.config["lambdas"])})
        assert entry.licence


def test_a_checkout_keeps_its_models_beside_the_package() -> None:
    assert models_directory() == Path(cnncompress.__file__).parents[1] / "models"


def test_an_installed_package_keeps_them_inside(tmp_path: Path) -> None:
    """A copy of the package with its models folder, as the wheel has it, run by an interpreter of its own."""
    package = Path(cnncompress.__file__).parent
    shutil.copytree(package, tmp_path / "site" / "cnncompress", ignore=shutil.ignore_patterns("__pycache__"))
    inside = tmp_path / "site" / "cnncompress" / "models"
    inside.mkdir()
    write_manifest(Manifest(inside, "first", (ENTRY,)))
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from cnncompress.model.manifest import models_directory, read_manifest\n"
        "print(models_directory(), read_manifest().default)"
    )
    command = [sys.executable, "-I", "-c", script, str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(inside.resolve()), "first"]


def test_default_directory_is_that_of_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(manifest, "models_directory", lambda: tmp_path)
    with pytest.raises(InvalidModel, match=MANIFEST_NAME):
        read_manifest()


GOOD: dict[str, Any] = {"schema": 1, "default": "first", "models": [asdict(ENTRY)]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "5",
        "\udcff",
        json.dumps({key: value for key, value in GOOD.items() if key != "schema"}),
        json.dumps({**GOOD, "schema": 2}),
        json.dumps({key: value for key, value in GOOD.items() if key != "default"}),
        json.dumps({**GOOD, "models": 5}),
        json.dumps({**GOOD, "models": ["first"]}),
        json.dumps({**GOOD, "models": [{"name": "first"}]}),
        json.dumps({**GOOD, "models": [{**asdict(ENTRY), "typical": [1, 2]}]}),
        json.dumps({**GOOD, "models": [{**asdict(ENTRY), "typical": {"qualities": [0, 1]}}]}),
    ],
)
def test_damage(text: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InvalidModel) as caught:
        read_manifest(tmp_path)
    assert str(tmp_path / MANIFEST_NAME) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match=r"manifest\.json"):
        read_manifest(tmp_path)
