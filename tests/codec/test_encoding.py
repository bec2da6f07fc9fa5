"""Which coding a picture gets: the model for photographs, else what is smallest."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cnncompress import ImageSettings, LimitExceeded, Limits, StopRefining, TargetPsnr, TargetSize, Unreachable
from cnncompress.api.calls import compress, decompress
from cnncompress.api.codec import Codec
from cnncompress.codec import encoding
from cnncompress.codec.codec import LearnedCoder
from cnncompress.codec.encode_settings import CodingChoice
from cnncompress.codec.rate_search import psnr_of
from cnncompress.codec.targets import Target
from cnncompress.codec.worst_parts import PART_SIDE, PARTS
from cnncompress.images.read import read_image
from cnncompress.probe import probe
from cnncompress.units import Hundredths

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def page() -> Image.Image:
    """Text, lines and a gradient: flat, but with more colours than a palette has."""
    image = Image.new("RGB", (240, 200), "white")
    image.paste(Image.linear_gradient("L").resize((240, 40)).convert("RGB"), (0, 160))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    for line in range(8):
        draw.text((8, 6 + 18 * line), "The quick brown fox jumps over the lazy dog"[line:], (line * 20, 30, 90), font)
        draw.line((0, 4 + 18 * line, 239, 9 + 12 * line), (200, 40, 10 * line))
    return image


def decoded_psnr(image: Image.Image, data: bytes) -> float:
    return psnr_of(read_image(image), np.asarray(decompress(data, device="cpu").convert("RGB")))


@pytest.mark.parametrize("quality", [0, 60, 100])
def test_pages_are_never_larger_than_without_loss(codec: Codec, page: Image.Image, quality: int) -> None:
    learned, data = codec.compress(page, quality, coding="learned"), codec.compress(page, quality)
    lossless = compress(page, coding="lossless")
    assert data == lossless or len(data) <= 0.9 * len(lossless)
    assert decoded_psnr(page, data) >= decoded_psnr(page, learned)
    facts = probe(data)
    if facts.coding == "avif":
        assert facts.quality == quality and facts.model is None


def test_each_coding_can_be_asked_for(codec: Codec, page: Image.Image, coffee: Pixels) -> None:
    codings: tuple[CodingChoice, ...] = ("learned", "avif", "lossless")
    for pixels, coding in product((np.asarray(page), coffee[:64, :96]), codings):
        data = codec.compress(pixels, 50, coding=coding)
        assert probe(data).coding == coding
        assert np.asarray(codec.decompress(data)).shape == pixels.shape
    wrong: Any = "jpeg"
    with pytest.raises(ValueError, match="coding is 'jpeg', expected one of auto, avif, learned, lossless"):
        codec.compress(page, coding=wrong)


def test_the_model_codes_only_a_part_where_avif_is_clearly_better(
    codec: Codec, page: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = np.asarray(page.resize((600, 550), Image.Resampling.BICUBIC))
    wall = Image.fromarray(np.tile(larger, (2, 2, 1)))
    expected = codec.compress(wall, 80)
    coded: list[tuple[int, int]] = []
    file_at = LearnedCoder.file_at

    def counted(coder: LearnedCoder, quality: Hundredths) -> bytes:
        data = file_at(coder, quality)
        coded.append((probe(data).width, probe(data).height))
        return data

    monkeypatch.setattr(LearnedCoder, "file_at", counted)
    assert codec.compress(wall, 80) == expected and probe(expected).coding == "avif"
    assert coded == [(PART_SIDE, PARTS * PART_SIDE)]
    monkeypatch.setattr("cnncompress.codec.encoding.has_parts", lambda image: False)
    assert codec.compress(wall, 80) == expected
    assert coded[1:] == [wall.size]


class SizedCoder:
    """A coder of anything, with files of one size."""

    def __init__(self, file_bytes: int) -> None:
        self.file_bytes = file_bytes

    def file_at(self, quality: Hundredths) -> bytes:
        return bytes(self.file_bytes)

    def colours_of(self, data: bytes) -> Pixels:
        return np.zeros((1, 1, 3), np.uint8)


@pytest.mark.parametrize(
    ("ahead", "avif_bytes", "enough"),
    [(4.1, 1500, True), (3.9, 700, True), (1.1, 800, True), (0.9, 500, False), (3.9, 810, False)],
)
def test_avif_is_clearly_better_by_decibels_or_by_bytes(
    page: Image.Image, monkeypatch: pytest.MonkeyPatch, ahead: float, avif_bytes: int, enough: bool
) -> None:
    decibels = iter([30.0 + ahead, 30.0])
    monkeypatch.setattr(encoding, "worst_parts", lambda image, decoded: (image, decoded))
    monkeypatch.setattr(encoding, "psnr_of", lambda image, decoded: next(decibels))
    monkeypatch.setattr(encoding, "AvifCoder", lambda image: SizedCoder(avif_bytes))
    coder: Any = SizedCoder(1000)
    found = encoding._is_clearly_better(read_image(page), np.asarray(page), Hundredths(60_00), lambda part: coder)
    assert found == enough


@pytest.mark.slow
def test_pages_settle(codec: Codec, page: Image.Image) -> None:
    """The second five of ten generations lose less than one decibel together."""
    reached, image = [], page
    for _ in range(10):
        data = codec.compress(image, 60)
        image = codec.decompress(data)
        assert probe(data).coding == "avif"
        reached.append(psnr_of(read_image(page), np.asarray(image)))
    assert reached[0] > 38.0 and reached[4] - reached[9] < 1.0


def test_photographs_are_learned_to_the_byte(codec: Codec, coffee: Pixels) -> None:
    photograph = coffee[100:228, 200:392]
    for quality in (0, 60, 100):
        assert codec.compress(photograph, quality) == codec.compress(photograph, quality, coding="learned")


def test_noise_is_not_larger_than_without_loss(codec: Codec) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (64, 64, 1)).repeat(3, 2).astype(np.uint8) * 255
    data, lossless = codec.compress(noise, 100), compress(noise, coding="lossless")
    assert len(data) <= len(lossless)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "1"])
def test_modes_as_avif(codec: Codec, page: Image.Image, mode: str) -> None:
    image = page.convert("RGBA" if mode == "LA" else mode).convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    data = codec.compress(image, 80, coding="avif")
    back = decompress(data)
    assert (probe(data).coding, back.mode, back.size) == ("avif", mode, image.size)
    if mode in ("LA", "RGBA"):
        assert back.getchannel("A").tobytes() == image.getchannel("A").tobytes()


def test_views_of_avif(page: Image.Image) -> None:
    data = compress(page, 60, coding="avif")
    whole = decompress(data)
    part = decompress(data, crop=(10, 20, 100, 50))
    assert part.tobytes() == whole.crop((10, 20, 110, 70)).tobytes()
    assert decompress(data, scale=1 / 4).size == (60, 50)


@pytest.mark.slow
def test_targets(codec: Codec, page: Image.Image) -> None:
    lossless = len(compress(page, coding="lossless"))
    half = TargetSize(lossless // 2)
    small, learned = codec.compress(page, target=half), codec.compress(page, target=half, coding="learned")
    assert len(small) <= half.bytes and decoded_psnr(page, small) >= decoded_psnr(page, learned)
    assert probe(codec.compress(page, target=TargetSize(lossless))).coding == "lossless"
    good = codec.compress(page, target=TargetPsnr(28.0))
    assert decoded_psnr(page, good) >= 28.0
    assert len(good) <= len(codec.compress(page, target=TargetPsnr(28.0), coding="learned"))


def test_no_model_is_loaded_for_avif(page: Image.Image) -> None:
    data = compress(page, 60, coding="avif", model="nobody has this")
    assert decompress(data, model="nobody has this").size == page.size


def test_what_avif_cannot_hold(codec: Codec) -> None:
    long = np.full((1, 40_000, 3), 200, np.uint8)
    with pytest.raises(LimitExceeded, match="40000x1 pixels: AVIF has at most 32768 a side"):
        compress(long, 50, coding="avif")
    assert decompress(codec.compress(long, 50)).size == (40_000, 1)


@pytest.mark.parametrize("coding", ["avif", "lossless"])
def test_nothing_is_written_that_the_limits_do_not_let_open(page: Image.Image, coding: CodingChoice) -> None:
    settings = ImageSettings(limits=Limits(memory=500_000))
    with pytest.raises(LimitExceeded, match="of memory"):
        compress(page, 50, coding=coding, settings=settings)


def test_limits_of_the_settings_count(codec: Codec, coffee: Pixels) -> None:
    with pytest.raises(LimitExceeded, match="of memory"):
        codec.compress(coffee, 50, settings=ImageSettings(limits=Limits(memory=1_000_000)), coding="learned")


@pytest.mark.parametrize("effort", [0, 2])
@pytest.mark.parametrize("coding", ["auto", "avif", "learned"])
@pytest.mark.parametrize("target", [None, TargetPsnr(28.0), TargetSize(4000)], ids=str)
def test_a_stop_ends_the_effort_and_nothing_else(
    codec: Codec, page: Image.Image, coding: CodingChoice, target: Target | None, effort: int
) -> None:
    def stop(done: int, total: int) -> None:
        raise StopRefining

    quality = 20 if target is None else None
    stopped = codec.compress(page, quality, target=target, coding=coding, effort=effort, progress=stop)
    assert stopped == codec.compress(page, quality, target=target, coding=coding)


@pytest.mark.parametrize("quality", [30, 60, 100])
@pytest.mark.parametrize("kind", ["checkerboard", "gradient", "dithered"])
def test_patterns_are_never_larger_than_without_loss(codec: Codec, kind: str, quality: int, coffee: Pixels) -> None:
    """They have no flat areas, and are no photographs."""
    rows, columns = np.mgrid[:128, :128]
    pixels = {
        "checkerboard": 255 * ((rows + columns) % 2),
        "gradient": 2 * columns,
        "dithered": 255 * np.asarray(Image.fromarray(coffee[60:188, 100:228]).convert("1"), np.int64),
    }[kind].astype(np.uint8)
    assert len(codec.compress(pixels, quality)) <= len(compress(pixels, coding="lossless"))


@pytest.mark.parametrize("decibels", [34.0, 40.0, 42.0])
def test_targets_with_avif_alone(coffee: Pixels, decibels: float) -> None:
    """Several qualities of libavif make one file, and the next a much better one."""
    photograph = np.ascontiguousarray(coffee[100:228, 200:392])
    data = compress(photograph, target=TargetPsnr(decibels), coding="avif")
    reached = psnr_of(read_image(photograph), np.asarray(decompress(data)))
    assert decibels <= reached < decibels + 2.0
    assert len(compress(photograph, target=TargetSize(len(data)), coding="avif")) <= len(data)
    assert len(compress(photograph, target=TargetSize(len(data)), coding="avif")) > 0.8 * len(data)


def test_targets_that_avif_cannot_meet(page: Image.Image) -> None:
    with pytest.raises(Unreachable, match="cannot be brought to 300 bytes: has "):
        compress(page, target=TargetSize(300), coding="avif")
    with pytest.raises(Unreachable, match="cannot be brought to 90 dB: has "):
        compress(page, target=TargetPsnr(90.0), coding="avif")


def test_targets_of_another_type(page: Image.Image) -> None:
    for target in (5, "200k"):
        wrong: Any = target
        with pytest.raises(TypeError, match="must be a TargetSize, TargetBpp or TargetPsnr"):
            compress(page, target=wrong, coding="avif")
