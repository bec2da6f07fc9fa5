"""Where the bits of a file go: sums, places and tiles."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cnncompress.api.codec import Codec
from cnncompress.bitstream.reading import ParsedFile
from cnncompress.codec.bit_map import BitMap
from cnncompress.codec.codec import ModelCodec
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import LimitExceeded, UnknownModel
from cnncompress.images.limits import Limits

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def model() -> ModelCodec:
    return ModelCodec(ModelSettings(device="cpu", engine="ncnn"))


def mapped(codec: Codec, model: ModelCodec, pixels: Pixels, quality: float, tile: int = 0) -> BitMap:
    data = codec.compress(pixels, quality, coding="learned", tile=tile)
    return model.bit_map(ParsedFile.whole(data))


@pytest.mark.parametrize(("quality", "tile"), [(10.0, 0), (60.0, 0), (60.0, 64), (95.0, 128)])
def test_sum_is_the_payload(codec: Codec, model: ModelCodec, coffee: Pixels, quality: float, tile: int) -> None:
    counted = mapped(codec, model, coffee[:250, :330], quality, tile)
    assert counted.bits.shape == (16, 24)
    assert counted.bits.sum() == pytest.approx(counted.payload_bits, rel=0.01, abs=0 if tile == 0 else 64 * 30)
    assert counted.bits.min() > 0


def test_a_busy_corner_costs_most(codec: Codec, model: ModelCodec) -> None:
    pixels = np.full((192, 256, 3), 120, np.uint8)
    pixels[128:, :64] = np.random.default_rng(0).integers(0, 256, (64, 64, 3))
    bits = mapped(codec, model, pixels, 60.0).bits
    assert bits[8:, :4].sum() > 0.7 * bits.sum()
    assert bits[8:, :4].mean() > 20 * bits[:4, 8:].mean()


def test_tiles_keep_their_places(codec: Codec, model: ModelCodec, coffee: Pixels) -> None:
    whole = mapped(codec, model, coffee[:200, :300], 60.0).bits
    tiled = mapped(codec, model, coffee[:200, :300], 60.0, tile=64).bits
    assert np.corrcoef(whole.ravel(), tiled.ravel())[0, 1] > 0.95


def test_another_model_is_refused(codec: Codec, coffee: Pixels) -> None:
    parsed = ParsedFile.whole(codec.compress(coffee[:64, :64], coding="learned"))
    other = ModelCodec(ModelSettings(device="cpu"))
    other.fingerprint = b"\0\1\2\3"
    with pytest.raises(UnknownModel, match="not with 00010203"):
        other.bit_map(parsed)


def test_an_image_beyond_the_limits_is_refused(codec: Codec, coffee: Pixels) -> None:
    parsed = ParsedFile.whole(codec.compress(coffee[:64, :128], coding="learned"))
    for limits, found in ((Limits(max_pixels=5000), "pixels"), (Limits(memory=1_000_000), "memory")):
        strict = ModelCodec(ModelSettings(device="cpu"), limits)
        with pytest.raises(LimitExceeded, match=found):
            strict.bit_map(parsed)
