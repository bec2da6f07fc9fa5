"""Small images of all kinds there and back through `Codec`, with a model of random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import cnncompress
from cnncompress.api.codec import Codec
from cnncompress.codec.encode_settings import CodingChoice

CODINGS: tuple[CodingChoice, ...] = ("learned", "learned", "auto", "avif", "lossless")
SIDES = st.integers(1, 80) | st.sampled_from([1, 16, 17, 63, 64, 65, 128, 129])


@dataclass(frozen=True)
class Case:
    """An image and how it is compressed."""

    image: Image.Image
    quality: float
    tile: int | None
    coding: CodingChoice


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Noise, flat colours, and what is between them, in every mode."""
    width, height = draw(SIDES), draw(SIDES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0, 3, 40, 256]))
    samples = draw(st.integers(0, 255)) + rng.integers(0, spread + 1, (height, width, 4))
    image = Image.fromarray(np.clip(samples, 0, 255).astype(np.uint8)).convert(
        draw(st.sampled_from(["1", "L", "LA", "RGB", "RGBA"]))
    )
    quality, tile = draw(st.integers(0, 10_000)) / 100, draw(st.sampled_from([None, 64]))
    return Case(image, quality, tile, draw(st.sampled_from(CODINGS)))


@pytest.fixture(scope="module")
def tiny(random_model: Path) -> Codec:
    return Codec(random_model, "cpu")


@given(case=cases(), crop_from=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)))
@settings(max_examples=40, deadline=None)
def test_there_and_back(tiny: Codec, case: Case, crop_from: tuple[float, float]) -> None:
    image = case.image
    data = tiny.compress(image, case.quality, tile=case.tile, coding=case.coding)
    assert tiny.compress(image, case.quality, tile=case.tile, coding=case.coding) == data, "the same bytes every time"
    facts = cnncompress.info(data)
    assert (facts.mode, facts.width, facts.height, facts.file_bytes) == (image.mode, *image.size, len(data))

    found = tiny.decompress(data)
    assert (found.mode, found.size) == (image.mode, image.size)
    if image.mode.endswith("A"):
        assert found.getchannel("A").tobytes() == image.getchannel("A").tobytes(), "alpha is exact"
    assert case.coding in ("auto", facts.coding)
    if facts.coding == "lossless":
        assert found.tobytes() == image.tobytes()
    if facts.coding == "learned":
        assert facts.quality == case.quality and facts.fingerprint == tiny.fingerprint.hex()

    left, top = (int(share * length) for share, length in zip(crop_from, image.size, strict=True))
    area = (left, top, image.width - left, image.height - top)
    part = tiny.decompress(data, crop=area)
    assert part.tobytes() == found.crop((left, top, *image.size)).tobytes(), "a part is what is cut out of the whole"
