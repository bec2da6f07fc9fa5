"""Weights files that were made to hurt, as `scripts/fuzz.py model` found them: they are refused with one line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnncompress.codec.tables import MAX_RADIUS, build_tables
from cnncompress.errors import InvalidModel
from cnncompress.nn.config import SCALE_LEVELS, ModelConfig
from cnncompress.nn.network import CodecNetwork
from cnncompress.nn.scales import IntegerScaleSynthesis
from cnncompress.weights import load_weights, save_weights

Header = dict[str, Any]


@pytest.fixture(scope="module")
def sound(tiny_config: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A weights file that nothing is wrong with."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    tables = build_tables(np.zeros((SCALE_LEVELS, 2 * MAX_RADIUS + 1), dtype=np.int64))
    save_weights(path, CodecNetwork(tiny_config), IntegerScaleSynthesis(tiny_config), tables)
    return path.read_bytes()


@pytest.fixture
def path(sound: bytes, tmp_path: Path) -> Path:
    """A file to be damaged."""
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(sound)
    return path


def test_sound_file_is_accepted(path: Path, tiny_config: ModelConfig) -> None:
    join(path, *split(path))
    assert load_weights(path).network.config == tiny_config


def split(path: Path) -> tuple[Header, bytes]:
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


def join(path: Path, header: Header, body: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def retype(path: Path, key: str, kind: str, element_bytes: float) -> None:
    """Gives a tensor another type, with data of the length that it takes."""
    header, body = split(path)
    begin, end = header[key]["data_offsets"]
    length = int(np.prod(header[key]["shape"]) * element_bytes)
    for name, entry in header.items():
        if name != "__metadata__" and entry["data_offsets"][0] >= end:
            entry["data_offsets"] = [offset + length - (end - begin) for offset in entry["data_offsets"]]
    header[key]["dtype"], header[key]["data_offsets"] = kind, [begin, begin + length]
    join(path, header, body[:begin] + bytes(length) + body[end:])


def configure(path: Path, text: str) -> None:
    header, body = split(path)
    header["__metadata__"]["config"] = text
    join(path, header, body)


def assert_refused(path: Path, message: str) -> None:
    with pytest.raises(InvalidModel, match=message) as caught:
        load_weights(path)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000


@pytest.mark.parametrize("key", ["network.log_gain.table", "scales.offset", "tables.radii"])
@pytest.mark.parametrize(("kind", "element_bytes"), [("F4", 0.5), ("F6_E2M3", 0.75), ("F8_E8M0", 1)])
def test_types_that_torch_does_not_have(path: Path, key: str, kind: str, element_bytes: float) -> None:
    retype(path, key, kind, element_bytes)
    assert_refused(path, f"a tensor has type '{kind}'")


@pytest.mark.parametrize("key", ["network.log_gain.table", "scales.offset", "scales.weight_0", "tables.radii"])
@pytest.mark.parametrize(
    ("kind", "element_bytes"),
    [("BOOL", 1), ("U8", 1), ("F8_E5M2", 1), ("BF16", 2), ("I16", 2), ("U32", 4), ("F64", 8), ("U64", 8), ("C64", 8)],
)
def test_types_that_do_not_belong_there(path: Path, key: str, kind: str, element_bytes: float) -> None:
    """A complex number or an unsigned one would be converted without a word, or with a traceback."""
    retype(path, key, kind, element_bytes)
    assert_refused(path, "has type torch")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, '{"\\ud800": 1}', "", "5"])
def test_configurations_that_are_no_object(path: Path, text: str) -> None:
    configure(path, text)
    assert_refused(path, "model configuration: ")


CONFIG_DAMAGE: list[Callable[[Header], object]] = [
    lambda values: values.update(lambdas=[10**400, 10**401]),
    lambda values: values.update(lambdas="123"),
    lambda values: values.update(lambdas={"1": 0, "2": 0}),
    lambda values: values.update(scale_width=True),
    lambda values: values.update(latent_channels=10**400),
    lambda values: values.update(width_8="x" * 100_000),
    lambda values: values.update(width_8=[[1]] * 100_000),
    lambda values: values.update(blocks_8=4096, blocks_16=4096),
]


@pytest.mark.parametrize("damage", CONFIG_DAMAGE)
def test_configurations(path: Path, tiny_config: ModelConfig, damage: Callable[[Header], object]) -> None:
    values = json.loads(json.dumps(asdict(tiny_config)))
    damage(values)
    configure(path, json.dumps(values))
    assert_refused(path, "model configuration: ")


def test_largest_model_is_noticed_in_no_time(path: Path, tiny_config: ModelConfig) -> None:
    """The file has a few kilobytes; what it declares would take 100 GB."""
    values = dict.fromkeys(asdict(tiny_config), 4096) | {"blocks_8": 64, "blocks_16": 64}
    configure(path, json.dumps(values | {"lambdas": [0.1, 0.2]}))
    before = time.process_time()
    assert_refused(path, "shape|is missing")
    assert time.process_time() - before < 10


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "network.\u2028", "x" * 10_000, "tables.radii\0"])
def test_names_of_tensors_are_shown_harmlessly(path: Path, name: str) -> None:
    header, body = split(path)
    header[name] = header.pop("network.log_gain.table")
    join(path, header, body)
    assert_refused(path, "unexpected tensor|is missing")
