"""Warnings name the line that called the package, whichever public call it was."""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_files import encoded

import cnncompress
from cnncompress import FeatureLoss, PartLost
from cnncompress.api.codec import Codec
from cnncompress.pillow import register


@pytest.fixture(scope="module")
def tiny(random_model: Path) -> Codec:
    return Codec(random_model, "cpu")


@pytest.fixture
def deep() -> bytes:
    return encoded(Image.fromarray(np.full((5, 7), 257, np.uint16)))


def place_of(call: Callable[[], object], category: type[Warning]) -> tuple[str, int]:
    """File and line that the one warning of a call names."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    (found,) = caught
    assert found.category is category
    return found.filename, found.lineno


def line_of(call: Callable[[], object]) -> int:
    return inspect.getsourcelines(call)[1]


def test_features(tiny: Codec, deep: bytes, tmp_path: Path) -> None:
    stored = cnncompress.store_original(deep)
    picture = Image.new("RGB", (4, 4))
    picture.info["xmp"] = bytes(70_000)
    (tmp_path / "x.cnc").write_bytes(stored)
    register(device="cpu")
    calls: tuple[Callable[[], object], ...] = (
        lambda: cnncompress.compress(deep, coding="lossless"),
        lambda: tiny.compress(deep),
        lambda: cnncompress.decompress(stored),
        lambda: cnncompress.decompress(stored, crop=(0, 0, 2, 2)),
        lambda: tiny.decompress(stored),
        lambda: tiny.decompress(stored, crop=(0, 0, 2, 2)),
        lambda: cnncompress.save_image(picture, io.BytesIO(), "jpg"),
        lambda: Image.open(tmp_path / "x.cnc").load(),
    )
    for call in calls:
        assert place_of(call, FeatureLoss) == (__file__, line_of(call))


def test_parts(tiny: Codec) -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    damaged = bytearray(tiny.compress(tiles, coding="learned", tile=64))
    damaged[-1] ^= 1  # the last tile
    lossless = cnncompress.compress(np.zeros((8, 8, 3), np.uint8), coding="lossless") + b"more"
    calls: tuple[Callable[[], object], ...] = (
        lambda: tiny.decompress(bytes(damaged), keep_going=True),
        lambda: tiny.decompress(lossless, keep_going=True),
        lambda: cnncompress.decompress(lossless, keep_going=True),
    )
    for call in calls:
        assert place_of(call, PartLost) == (__file__, line_of(call))
