"""Weights files: a round trip, the types that numbers are stored in, and no code."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from weights_files import TABLES, parts, rewrite, save

import cnncompress
from cnncompress.model.config import ModelConfig
from cnncompress.model.weights import load_weights, stored_as_half
from cnncompress.nn.stored import network_of


def test_round_trip(path: Path, tiny_config: ModelConfig) -> None:
    network, scales = parts(tiny_config)
    loaded = load_weights(path)
    assert loaded.name == "tiny"
    assert loaded.fingerprint == hashlib.sha256(path.read_bytes()).digest()[:4]
    assert loaded.config == tiny_config
    states = network_of(loaded).state_dict(), network.state_dict()
    assert states[0].keys() == states[1].keys()
    for key, tensor in states[0].items():
        assert tensor.dtype == states[1][key].dtype and torch.equal(tensor, states[1][key]), key
    assert loaded.scales.tensors.keys() == scales.tensors.keys()
    for key, numbers in scales.tensors.items():
        found = loaded.scales.tensors[key]
        assert found.dtype == numbers.dtype and np.array_equal(found, numbers), key
    assert np.array_equal(loaded.tables.radii, TABLES.radii)
    assert np.array_equal(loaded.tables.weights, TABLES.weights)
    rewrite(path, lambda tensors, metadata: None)
    assert load_weights(path).config == tiny_config


def test_saving_is_reproducible(path: Path, tiny_config: ModelConfig, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    sha256 = save(again, tiny_config)
    assert again.read_bytes() == path.read_bytes()
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_convolutions_are_stored_as_half_and_the_linear_path_is_not(path: Path) -> None:
    tensors = safetensors.torch.load(path.read_bytes())
    halves = {key for key, tensor in tensors.items() if tensor.dtype == torch.float16}
    assert halves == {key for key in tensors if key.startswith("network.") and key.endswith(".weight")}
    assert tensors["network.g_a.klt"].dtype == tensors["network.g_s.klt"].dtype == torch.float32
    assert stored_as_half("h_s.stem.weight") and not stored_as_half("g_a.klt")


def test_integers_are_stored_as_they_are(path: Path) -> None:
    tensors = safetensors.torch.load(path.read_bytes())
    types = {"weight": torch.int8, "bias": torch.int32, "shift": torch.uint8, "surprise": torch.int8}
    for key, tensor in tensors.items():
        if key.startswith("scales."):
            assert tensor.dtype == types.get(key.rpartition(".")[2], torch.int32), key


CAN_RUN_CODE = {"pickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}


def test_no_format_that_can_hold_code_is_read() -> None:
    """Neither by the modules for that, nor by way of torch or NumPy."""
    package = Path(cnncompress.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert CAN_RUN_CODE.isdisjoint(alias.name.split(".")[0] for alias in node.names), path
            if isinstance(node, ast.ImportFrom):
                assert str(node.module).split(".")[0] not in CAN_RUN_CODE, path
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in {"torch.load", "np.load", "numpy.load"}, path
