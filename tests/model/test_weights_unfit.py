"""Every way in which a weights file can be unfit."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from weights_files import Tensors, rewrite

from cnncompress.errors import InvalidModel
from cnncompress.model.config import ModelConfig
from cnncompress.model.weights import FORMAT, load_weights


def assert_invalid(path: Path, message: str) -> None:
    with pytest.raises(InvalidModel, match=message) as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)


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
