"""Weights files that were made to hurt, as `scripts/fuzz.py model` found them: one line says what is wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnncompress import Codec
from cnncompress.errors import InvalidModel
from cnncompress.model.weights import load_weights

Header = dict[str, Any]


@pytest.fixture(scope="module")
def sound(random_model: Path) -> bytes:
    """A weights file that nothing is wrong with."""
    return random_model.read_bytes()


@pytest.fixture
def path(sound: bytes, tmp_path: Path) -> Path:
    """A file to be damaged."""
    path = tmp_path / "random.safetensors"
    path.write_bytes(sound)
    return path


def test_sound_file_is_accepted(path: Path) -> None:
    join(path, *split(path))
    assert load_weights(path).config.latent_channels == 8


def test_huge_file_is_not_read(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.truncate(1 << 31)  # sparse, no room is taken
    before = time.process_time()
    assert_refused(path, "2147483648 bytes, a model has at most 1073741824")
    assert time.process_time() - before < 1


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


def refill(path: Path, key: str, numbers: np.ndarray[Any, Any]) -> None:
    """Fills a tensor with the same numbers over and over."""
    header, body = split(path)
    begin, end = header[key]["data_offsets"]
    data = numbers.tobytes()
    join(path, header, body[:begin] + (data * (end - begin))[: end - begin] + body[end:])


def configuration(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(split(path)[0]["__metadata__"]["config"])
    return values


def configure(path: Path, text: str) -> None:
    header, body = split(path)
    header["__metadata__"]["config"] = text
    join(path, header, body)


def assert_refused(path: Path, message: str) -> None:
    with pytest.raises(InvalidModel, match=message) as caught:
        load_weights(path)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000


@pytest.mark.parametrize("key", ["network.log_gain.table", "scales.offset", "tables.radii"])
@pytest.mark.parametrize(("kind", "element_bytes"), [("F4", 0.5), ("F6_E2M3", 0.75), ("F8_E5M2", 1), ("BF16", 2)])
def test_types_that_numpy_does_not_have(path: Path, key: str, kind: str, element_bytes: float) -> None:
    retype(path, key, kind, element_bytes)
    assert_refused(path, f"a tensor has type '{kind}'")


@pytest.mark.parametrize("key", ["network.log_gain.table", "scales.offset", "scales.synthesis.0.bias", "tables.radii"])
@pytest.mark.parametrize(
    ("kind", "element_bytes"),
    [
        ("BOOL", 1),
        ("U8", 1),
        ("I8", 1),
        ("I16", 2),
        ("U32", 4),
        ("F64", 8),
        ("U64", 8),
        ("C64", 8),
    ],
)
def test_types_that_do_not_belong_there(path: Path, key: str, kind: str, element_bytes: float) -> None:
    """A complex number or an unsigned one would be converted without a word, or with a traceback."""
    retype(path, key, kind, element_bytes)
    assert_refused(path, "has type")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, '{"\\ud800": 1}', "", "5"])
def test_configurations_that_are_no_object(path: Path, text: str) -> None:
    configure(path, text)
    assert_refused(path, "model configuration: ")


def test_metadata_that_are_null(path: Path) -> None:
    """The library takes it for none; it once ended in an AttributeError."""
    header, body = split(path)
    join(path, header | {"__metadata__": None}, body)
    assert_refused(path, "not a model of this program")


CONFIG_DAMAGE: list[Callable[[Header], object]] = [
    lambda values: values.update(lambdas=[10**400, 10**401]),
    lambda values: values.update(lambdas="123"),
    lambda values: values.update(lambdas={"1": 0, "2": 0}),
    lambda values: values.update(scale_width=True),
    lambda values: values.update(scale_context_width=1 << 63),
    lambda values: values.update(latent_channels=10**400),
    lambda values: values.update(width_8="x" * 100_000),
    lambda values: values.update(width_8=[[1]] * 100_000),
    lambda values: values.update(blocks_8=4096, blocks_16=4096),
]


@pytest.mark.parametrize("damage", CONFIG_DAMAGE)
def test_configurations(path: Path, damage: Callable[[Header], object]) -> None:
    values = configuration(path)
    damage(values)
    configure(path, json.dumps(values))
    assert_refused(path, "model configuration: ")


def test_largest_model_is_noticed_in_no_time(path: Path) -> None:
    """The file has a few kilobytes; what it declares would take 100 GB."""
    values = dict.fromkeys(configuration(path), 4096) | {
        "fine_channels": 0,
        "blocks_1": 64,
        "blocks_8": 64,
        "blocks_16": 64,
    }
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


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ("network.log_gain.table", np.float32(1e30)),
        ("network.g_a.klt", np.float32(3e38)),
        ("network.h_a.head.bias", np.float32(3e38)),
        ("network.context.2.head.bias", np.float32(3e38)),
    ],
)
def test_networks_that_overflow(path: Path, key: str, number: np.float32) -> None:
    """Their numbers are finite, but not what they make of an image; symbols of nan once were an IndexError."""
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[4:9] = 200
    assert Codec(path, "cpu").compress(pixels)
    refill(path, key, np.array([number]))  # of one sign: sums must not cancel in any order
    with pytest.raises(InvalidModel, match="no finite numbers"):
        Codec(path, "cpu").compress(pixels)
