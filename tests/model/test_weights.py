"""Weights files: a round trip, and every way in which a file can be unfit."""

from __future__ import annotations

import ast
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from random_scales import random_scales
from torch import Tensor

import cnncompress
from cnncompress.entropy.scales import IntegerScales
from cnncompress.entropy.tables import MAX_RADIUS, build_tables
from cnncompress.errors import InvalidModel, ModelError, UnknownModel
from cnncompress.model.config import SCALE_LEVELS, ModelConfig
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
from cnncompress.model.weights import FORMAT, load_weights, save_weights, stored_as_half
from cnncompress.nn.network import CodecNetwork
from cnncompress.nn.stored import arrays_of, network_of, round_to_stored

Tensors = dict[str, Tensor]
TABLES = build_tables(np.zeros((SCALE_LEVELS, 2 * MAX_RADIUS + 1), dtype=np.int64))


def parts(config: ModelConfig) -> tuple[CodecNetwork, IntegerScales]:
    torch.manual_seed(0)
    network = CodecNetwork(config)
    round_to_stored(network)
    return network, random_scales(config, seed=0)


def save(path: Path, config: ModelConfig) -> str:
    network, scales = parts(config)
    return save_weights(path, config, arrays_of(network), scales, TABLES)


@pytest.fixture
def path(tiny_config: ModelConfig, tmp_path: Path) -> Path:
    """A sound weights file."""
    path = tmp_path / "tiny.safetensors"
    save(path, tiny_config)
    return path


def rewrite(path: Path, change: Callable[[Tensors, dict[str, str]], object]) -> None:
    """Changes the tensors and metadata of a file."""
    data = path.read_bytes()
    tensors = safetensors.torch.load(data)
    metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    change(tensors, metadata)
    path.write_bytes(safetensors.torch.save(tensors, metadata or None))


def assert_invalid(path: Path, message: str) -> None:
    with pytest.raises(InvalidModel, match=message) as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)


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


def test_shipped_model_loads_by_name_and_path() -> None:
    manifest = read_manifest()
    entry = manifest.entries[0]
    found = find_weights(entry.name)
    assert found[:3] == (entry.name, manifest.directory / entry.file, entry.sha256)
    assert found.objective == entry.training.config["objective"]
    assert found.typical == entry.typical
    by_path = find_weights(manifest.directory / entry.file)
    assert by_path == FoundWeights(Path(entry.file).stem, manifest.directory / entry.file)
    assert find_weights(None).name == manifest.default
    assert load_weights(None).similarity_share == 0.75
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


@pytest.mark.parametrize("keep", [0, 4, 8, 100, -1])
def test_cut_files(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    assert_invalid(path, "not a safetensors file")


@pytest.mark.parametrize("data", [b"hello", b"\xff" * 64, b"\x02" + bytes(7) + b"{}", b"\x02" + bytes(7) + b"[]"])
def test_foreign_files(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert_invalid(path, "safetensors file|not a model of this program")


@pytest.mark.parametrize("name", [None, "cnncompress-model-0", "pt"])
def test_foreign_format(path: Path, name: str | None) -> None:
    def change(tensors: Tensors, metadata: dict[str, str]) -> None:
        metadata.clear()
        if name:
            metadata["format"] = name

    rewrite(path, change)
    assert_invalid(path, FORMAT)


CONFIG_DAMAGE: list[Callable[[dict[str, object]], object]] = [
    lambda values: None,
    lambda values: 5,
    lambda values: list(values),
    lambda values: {**values, "colour": 1},
    lambda values: {key: value for key, value in values.items() if key != "width_8"},
    lambda values: {**values, "width_8": 0},
    lambda values: {**values, "width_8": "8"},
    lambda values: {**values, "width_8": 8.0},
    lambda values: {**values, "width_8": 10**15},
    lambda values: {**values, "blocks_8": 10**9},
    lambda values: {**values, "latent_channels": 10**10},
    lambda values: {**values, "latent_channels": 7},
    lambda values: {key: value for key, value in values.items() if key != "scale_context_width"},
    lambda values: {**values, "scale_context_width": 0},
    lambda values: {**values, "scale_context_width": 4097},
    lambda values: {**values, "scale_context_width": None},
    lambda values: {**values, "lambdas": 5},
    lambda values: {**values, "lambdas": [0.1]},
    lambda values: {**values, "lambdas": ["a", "b"]},
    lambda values: {**values, "lambdas": [0.2, 0.1]},
    lambda values: {**values, "lambdas": [0.1, math.nan]},
]


@pytest.mark.parametrize("damage", CONFIG_DAMAGE)
def test_configuration(path: Path, tiny_config: ModelConfig, damage: Callable[[dict[str, object]], object]) -> None:
    def change(tensors: Tensors, metadata: dict[str, str]) -> None:
        metadata["config"] = json.dumps(damage(asdict(tiny_config)))

    rewrite(path, change)
    assert_invalid(path, "model configuration: ")


def test_configuration_that_is_missing_or_no_json(path: Path) -> None:
    rewrite(path, lambda tensors, metadata: metadata.update(config="{"))
    assert_invalid(path, "model configuration: ")
    rewrite(path, lambda tensors, metadata: metadata.pop("config"))
    assert_invalid(path, "model configuration: ")


def test_configuration_of_another_size_is_noticed_before_it_is_built(path: Path, tiny_config: ModelConfig) -> None:
    huge = asdict(tiny_config) | {"width_8": 4096, "width_16": 4096, "hyper_width": 4096, "context_width": 4096}
    rewrite(path, lambda tensors, metadata: metadata.update(config=json.dumps(huge)))
    assert_invalid(path, "has shape")


EVERY_PART = [
    "network.g_a.klt",
    "network.h_s.stem.weight",
    "scales.synthesis.2.weight",
    "scales.synthesis.0.shift",
    "scales.offset",
    "scales.context.1.stem.weight",
    "scales.context.15.head.bias",
    "scales.context.surprise",
    "tables.radii",
]


@pytest.mark.parametrize("key", EVERY_PART)
def test_missing_tensors(path: Path, key: str) -> None:
    rewrite(path, lambda tensors, metadata: tensors.pop(key))
    assert_invalid(path, f"{key.partition('.')[2]} is missing")


@pytest.mark.parametrize(
    "key",
    [
        "network.g_a.more",
        "scales.synthesis.4.weight",
        "scales.context.0.stem.weight",  # the first part has no context
        "scales.context.16.head.bias",
        "tables.more",
        "more",
        "optimizer.state",
        "network",
        "",
    ],
)
def test_extra_tensors(path: Path, key: str) -> None:
    rewrite(path, lambda tensors, metadata: tensors.update({key: torch.zeros(3)}))
    assert_invalid(path, "unexpected")


@pytest.mark.parametrize("key", EVERY_PART)
def test_wrong_shapes(path: Path, key: str) -> None:
    rewrite(path, lambda tensors, metadata: tensors.update({key: tensors[key][..., :-1].contiguous()}))
    assert_invalid(path, "shape|table radii must be")


@pytest.mark.parametrize("key", [*EVERY_PART, "tables.weights"])
def test_wrong_types(path: Path, key: str) -> None:
    def change(tensors: Tensors, metadata: dict[str, str]) -> None:
        integer = not tensors[key].is_floating_point()
        tensors[key] = tensors[key].to(torch.float64 if integer else torch.int64)

    rewrite(path, change)
    assert_invalid(path, "has type")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("key", ["network.g_a.klt", "network.g_s.klt_std", "network.context.3.head.weight"])
def test_weights_that_are_not_finite(path: Path, key: str, value: float) -> None:
    rewrite(path, lambda tensors, metadata: tensors[key].view(-1)[-1].fill_(value))
    assert_invalid(path, "not finite")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("scales.synthesis.2.bias", 2**24, r"sums of scales\.synthesis\.2 can reach"),
        ("scales.synthesis.1.shift", 0, r"scales\.synthesis\.1\.shift must be within"),
        ("scales.offset", -(2**31), "a log-scale can reach"),
    ],
)
def test_integers_that_are_not_exact(path: Path, key: str, value: int, message: str) -> None:
    """All of them are in test_integer_scales."""

    def change(tensors: Tensors, metadata: dict[str, str]) -> None:
        tensors[key].view(-1)[1] = value

    rewrite(path, change)
    assert_invalid(path, message)


def test_tables_with_a_wrong_sum(path: Path) -> None:
    rewrite(path, lambda tensors, metadata: tensors["tables.weights"][7].add_(1))
    assert_invalid(path, "do not add up to 16777216")


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


def test_every_error_is_a_model_error() -> None:
    assert issubclass(InvalidModel, ModelError) and issubclass(UnknownModel, ModelError)
