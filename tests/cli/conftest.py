"""A .cnc file, and images and a configuration with which ``cnncompress train`` takes a second."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from cnc_data import DATA
from numpy.typing import NDArray
from PIL import Image

TOML = """
warmup_steps = 2
ema_seconds = 1.0

[model]
latent_channels = 8
hyper_channels = 4
width_8 = 8
width_16 = 12
blocks_8 = 1
blocks_16 = 1
hyper_width = 8
hyper_features = 8
scale_width = 8
context_width = 8
lambdas = [0.001, 0.01, 0.1]

[[phases]]
fraction = 0.5
crop = 64
batch = 2

[[phases]]
fraction = 0.5
crop = 64
batch = 2
last_rate = 0.0
simulate_integers = true
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A file that ``info`` and ``test`` accept."""
    path = tmp_path / "good.cnc"
    path.write_bytes(DATA)
    return path


@pytest.fixture(scope="module")
def few_counted_images() -> Iterator[None]:
    """Tables counted on fewer images than a real model's, to save time."""
    from cnncompress.training.export import counting_images  # loads torch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnncompress.training.session.counting_images", partial(counting_images, count=8))
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, chelsea: NDArray[np.uint8]) -> Path:
    """Ten overlapping parts of a photograph, of which one is held out."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(10):
        Image.fromarray(chelsea[4 * index : 4 * index + 256, 19 * index : 19 * index + 256]).save(
            folder / f"{index}.png", compress_level=1
        )
    return folder


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(TOML)
    return path
