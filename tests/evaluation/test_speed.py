from __future__ import annotations

import time

import numpy as np
import pytest
from PIL import Image
from skimage import data

from cnncompress.evaluation.peers import MeasurementError, find_codec
from cnncompress.evaluation.speed import (
    Speed,
    Watched,
    format_ratio,
    format_speed,
    generated_image,
    measure_speed,
    quality_near,
    startup_seconds,
)
from cnncompress.evaluation.stopwatch import Stopwatch


class _Staged:
    """A codec that reports its stages."""

    name = "staged"
    settings = ""
    fingerprint = None
    qualities = (1.0,)

    def __init__(self, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch

    def load(self) -> None:
        pass

    def encode(self, image: Image.Image, quality: float) -> bytes:
        with self._stopwatch.stage("analysis"):
            time.sleep(0.01)
        return bytes(48)

    def decode(self, data: bytes) -> Image.Image:
        with self._stopwatch.stage("synthesis"):
            time.sleep(0.02)
        return Image.new("RGB", (16, 16))


def test_stages_are_split_between_encoder_and_decoder() -> None:
    """What is timed as a whole is the codec that no stopwatch slows down."""
    stopwatch, unwatched = Stopwatch(), Stopwatch()
    image = Image.new("RGB", (16, 16))
    speed = measure_speed(_Staged(unwatched), image, 1.0, 3, Watched(_Staged(stopwatch), stopwatch))
    assert [name for name, _ in speed.encode_stages] == ["analysis", "other"]
    assert [name for name, _ in speed.decode_stages] == ["synthesis", "other"]
    assert speed.encode_stages[0][1] >= 0.01 and speed.encode_seconds >= 0.01
    assert speed.decode_stages[0][1] >= 0.02 and speed.decode_seconds >= 0.02
    assert "synthesis" in unwatched.seconds() and speed.bpp == 1.5


def test_codecs_without_stages_have_totals_only() -> None:
    image = Image.fromarray(data.coffee()[:64, :64])
    speed = measure_speed(find_codec("jpeg"), image, 50, 2)
    assert speed.encode_seconds > 0 and speed.decode_seconds > 0
    assert speed.encode_stages == speed.decode_stages == ()


def test_the_split_is_grouped_and_what_is_left_is_named() -> None:
    speed = Speed("cnc", 50, 0.5, 0.1, 0.2, (("analysis", 0.04), ("hyper", 0.01), ("context", 0.02), ("other", 0.05)))
    encode, decode = format_speed(speed).splitlines()[1:]
    stages = "transform 40.0, entropy model 30.0, rANS 0.0, image I/O 0.0, other 50.0"
    assert encode == f"  encode    100.0 ms; stages one by one: {stages}"
    assert decode == "  decode    200.0 ms"


def test_peers_are_shown_as_ratios() -> None:
    text = format_ratio(Speed("cnc", 50, 0.5, 0.1, 0.2), Speed("jpeg", 40, 0.5, 0.01, 0.002))
    assert "takes 10.0x" in text
    assert "(100.0x)" in text


def test_the_nearest_rate_on_the_ladder() -> None:
    image = Image.fromarray(data.coffee()[100:228, 150:278])
    codec = find_codec("jpeg")
    for quality in (10, 80):
        rate = 8 * len(codec.encode(image, quality)) / 128**2
        assert quality_near(codec, image, 1.02 * rate) == quality


def test_the_generated_image_is_always_the_same_and_compresses_like_a_photograph() -> None:
    image = generated_image(192, 128)
    assert (image.mode, image.size) == ("RGB", (192, 128))
    assert np.array_equal(np.asarray(image), np.asarray(generated_image(192, 128)))
    rate = 8 * len(find_codec("jpeg").encode(image, 50)) / (192 * 128)
    assert 0.3 < rate < 3.0


def test_a_command_that_fails_has_no_start_up_time() -> None:
    with pytest.raises(MeasurementError, match="no-such-command") as caught:
        startup_seconds(["no-such-command"], repeat=1)
    assert caught.value.exit_code == 1, "the machine lacks nothing"


def test_start_up_is_measured() -> None:
    assert 0 < startup_seconds(["--help"], repeat=1) < 60
