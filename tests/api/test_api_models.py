"""Models and devices of the Python interface, and what is loaded for them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from changed_files import with_header
from numpy.typing import NDArray

from cnncompress.api.calls import compress, decompress
from cnncompress.api.codec import Codec
from cnncompress.errors import (
    DeviceError,
    InvalidModel,
    UnknownModel,
)
from cnncompress.model.manifest import models_directory, read_manifest
from cnncompress.probe import probe

Pixels = NDArray[np.uint8]


def test_a_path_is_a_model_too(crop: Pixels, packed: bytes) -> None:
    codec = Codec(models_directory() / read_manifest().entries[0].file, "cpu")
    assert codec.compress(crop, 60) == packed
    assert codec.decompress(packed).size == (110, 70)


def test_files_of_other_models(codec: Codec, packed: bytes) -> None:
    foreign = with_header(packed, fingerprint=b"\x01\x02\x03\x04")
    with pytest.raises(UnknownModel, match=f"made with model 01020304, not with {codec.fingerprint.hex()}"):
        codec.decompress(foreign)
    with pytest.raises(UnknownModel, match="fingerprint 01020304, which is not installed"):
        decompress(foreign)
    assert probe(foreign).model is None


def test_unknown_models_and_devices(crop: Pixels) -> None:
    with pytest.raises(UnknownModel, match="no model named 'nobody'"):
        compress(crop, model="nobody")
    with pytest.raises(UnknownModel, match="no weights file"):
        Codec(Path("nowhere.safetensors"))
    with pytest.raises(DeviceError, match="unknown device 'abacus'"):
        Codec(device="abacus")


def test_the_manifest_may_be_elsewhere(
    crop: Pixels, packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second model beside the first: each file is decoded by the one that it names."""
    shutil.copytree(models_directory(), tmp_path / "models")
    values = json.loads((tmp_path / "models" / "manifest.json").read_text(encoding="utf-8"))
    broken = {**values["models"][0], "name": "broken", "file": "broken.safetensors", "sha256": "01020304" + "0" * 56}
    values["models"].insert(0, broken)
    (tmp_path / "models" / "manifest.json").write_text(json.dumps(values), encoding="utf-8")
    (tmp_path / "models" / "broken.safetensors").write_bytes(b"nothing")
    monkeypatch.setattr("cnncompress.model.manifest.models_directory", lambda: tmp_path / "models")
    assert decompress(packed, device="cpu").size == (110, 70)
    with pytest.raises(InvalidModel, match=r"SHA-256 is .*, the manifest says 01020304"):
        decompress(with_header(packed, fingerprint=b"\x01\x02\x03\x04"), device="cpu")


def test_coding_on_a_cpu_does_without_torch() -> None:
    """Neither wrong names nor effort along the linear path load it."""
    script = """
import sys, contextlib, numpy, cnncompress
for wrong, error in (({"model": "nowhere.safetensors"}, "UnknownModel"), ({"device": "abacus"}, "DeviceError")):
    try:
        cnncompress.Codec(**wrong)
    except getattr(cnncompress, error):
        continue
    sys.exit("no error")
codec = cnncompress.Codec(device="cpu")
data = codec.compress(numpy.zeros((20, 30, 3), numpy.uint8), effort=3, coding="learned")
codec.decompress(data, scale=0.5)
codec.decompress(data)
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_torchs_compiler_is_not_loaded() -> None:
    """It takes longer than torch itself, and single operations on the meta device bring it in."""
    script = """
import sys, numpy, cnncompress
codec = cnncompress.Codec(device="cpu", engine="torch")
codec.decompress(codec.compress(numpy.zeros((20, 30, 3), numpy.uint8), coding="learned"))
sys.exit("torch._dynamo" in sys.modules or "torch" not in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
