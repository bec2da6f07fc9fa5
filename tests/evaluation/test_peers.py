"""Codecs behind one interface: each codes what it is asked for, and says how."""

from __future__ import annotations

import importlib.util
import re

import numpy as np
import pytest
from PIL import Image
from skimage import data

from cnncompress.errors import MissingPackage, PlanError
from cnncompress.evaluation.bdrate import bd_rate
from cnncompress.evaluation.curves import Curve
from cnncompress.evaluation.metrics import PSNR, psnr
from cnncompress.evaluation.names import CNC, CODECS
from cnncompress.evaluation.peers import PillowCodec, find_codec, pillow_codecs
from cnncompress.units import bits_per_pixel


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    return Image.fromarray(data.coffee()[100:292, 150:406])


@pytest.fixture(scope="module", params=[codec.name for codec in pillow_codecs()])
def codec(request: pytest.FixtureRequest) -> PillowCodec:
    if request.param == "jxl" and importlib.util.find_spec("pillow_jxl") is None:
        pytest.skip("no JPEG XL: pillow-jxl-plugin is not installed")
    found = find_codec(request.param)
    assert isinstance(found, PillowCodec)
    return found


@pytest.mark.slow
def test_size_and_psnr_rise_with_quality(codec: PillowCodec, photograph: Image.Image) -> None:
    sizes, psnrs = [], []
    for quality in codec.qualities:
        encoded = codec.encode(photograph, quality)
        decoded = codec.decode(encoded)
        assert (decoded.mode, decoded.size) == ("RGB", photograph.size)
        sizes.append(len(encoded))
        psnrs.append(psnr(np.asarray(photograph), np.asarray(decoded)))
    assert sizes == sorted(sizes)
    assert psnrs == sorted(psnrs)
    assert len(set(psnrs)) == len(codec.qualities) >= 8


def test_ladders_reach_two_bits_per_pixel(codec: PillowCodec, photograph: Image.Image) -> None:
    lowest, highest = (
        bits_per_pixel(len(codec.encode(photograph, quality)), *photograph.size)
        for quality in (codec.qualities[0], codec.qualities[-1])
    )
    assert lowest < 0.35  # of a small image, where headers weigh more
    assert highest > 2.0


def test_pictures_of_any_size_are_decoded(
    codec: PillowCodec, photograph: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = codec.encode(photograph, codec.qualities[0])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert codec.decode(encoded).size == photograph.size


def test_settings_name_the_library_that_codes(codec: PillowCodec) -> None:
    libraries = {"JPEG": "libjpeg-turbo", "WEBP": "libwebp", "JXL": "libjxl", "AVIF": "libaom", "JPEG2000": "OpenJPEG"}
    assert re.search(rf"\(Pillow [\d.]+.*, {libraries[codec.pillow_format]} [\d.]+\)$", codec.settings)


@pytest.mark.parametrize("speed", ["", pytest.param("-slow", marks=pytest.mark.slow)])
def test_avif_tuned_for_psnr_is_better_by_psnr(speed: str, photograph: Image.Image) -> None:
    curves = []
    for name in (f"avif-psnr{speed}", f"avif{speed}"):
        codec = find_codec(name)
        points = []
        for quality in (20, 40, 60):
            encoded = codec.encode(photograph, quality)
            value = psnr(np.asarray(photograph), np.asarray(codec.decode(encoded)))
            points.append((bits_per_pixel(len(encoded), *photograph.size), value))
        bpp, values = zip(*points, strict=True)
        curves.append(Curve(name, PSNR, bpp, values))
    assert bd_rate(*curves) < -2.0


def test_slow_avif_is_another_encoder_run(photograph: Image.Image) -> None:
    assert find_codec("avif-slow").encode(photograph, 50) != find_codec("avif").encode(photograph, 50)


def test_ladders_can_be_thinned() -> None:
    full = find_codec("jpeg").qualities
    assert find_codec("jpeg", points=3).qualities == (full[0], full[4], full[8])
    assert find_codec("jpeg", points=2).qualities == (full[0], full[-1])
    assert find_codec("jpeg", points=100).qualities == full
    assert len(find_codec("cnc", points=3).qualities) == 11


def test_a_missing_plugin_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match="'jxl' needs pillow-jxl-plugin"):
        find_codec("jxl")


def test_jpeg_has_halved_chroma(photograph: Image.Image) -> None:
    encoded = find_codec("jpeg").encode(photograph, 50)
    start = encoded.index(b"\xff\xc0")
    assert encoded[start + 11] == 0x22


def test_jpeg2000_hits_its_rate(photograph: Image.Image) -> None:
    encoded = find_codec("jpeg2000").encode(photograph, 1.0)
    assert bits_per_pixel(len(encoded), *photograph.size) == pytest.approx(1.0, rel=0.03)


def test_every_name_is_found_and_others_are_listed() -> None:
    assert (CNC, *(codec.name for codec in pillow_codecs())) == CODECS
    names = [name for name in CODECS if name != "jxl"]
    assert [find_codec(name).name for name in names] == names
    with pytest.raises(PlanError, match="jpeg2000"):
        find_codec("gif")
