"""Images of every kind through the Python interface: what comes back is what went in."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms
from sample_files import encoded

from cnncompress import FeatureLoss, ImageSettings, OriginalFile, SourceRecord, read_image
from cnncompress.api.calls import compress, decompress, restore_original, store_original
from cnncompress.api.codec import Codec
from cnncompress.errors import LimitExceeded, UnsupportedImage
from cnncompress.images.limits import Limits
from cnncompress.images.settings import STRIPPABLE
from cnncompress.probe import probe

ORIENTATION, MAKE, GPS_IFD = 0x0112, 0x010F, 0x8825
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<rdf:Description exif:GPSLatitude="48,12N" tiff:Orientation="1"/>'
MODES = [
    "1",
    "L",
    "LA",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBX",
    "La",
    "RGBa",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I;16",
    "I",
    "F",
]
COMES_BACK_AS = {"P": "RGB", "PA": "RGBA", "RGBX": "RGB", "La": "LA", "RGBa": "RGBA", "I;16": "L", "I": "L", "F": "L"}
LOSSY_MODES = ("CMYK", "YCbCr", "LAB", "HSV", "I;16", "I", "F")


@pytest.fixture(scope="module")
def photograph(astronaut: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(astronaut[40:104, 180:244]))


def exif(orientation: int = 1) -> bytes:
    tags = Image.Exif()
    tags[ORIENTATION], tags[MAKE] = orientation, "Abc"
    tags.get_ifd(GPS_IFD)[1] = "N"
    return tags.tobytes()


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode == "LAB":
        return Image.merge("LAB", [image.convert("L"), *[Image.new("L", image.size, 128)] * 2])
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    if mode in ("P", "PA"):
        return image.quantize(64, dither=Image.Dither.NONE).convert(mode)
    return image.convert({"La": "LA", "RGBa": "RGBA"}.get(mode, mode)).convert(mode)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode(mode: str, photograph: Image.Image, codec: Codec) -> None:
    image = in_mode(photograph, mode)
    expected = COMES_BACK_AS.get(mode, "RGB" if mode in LOSSY_MODES else mode)
    for strict, lossless in itertools.product((False, True), (False, True)):
        settings = ImageSettings(strict=strict)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                if lossless:
                    data = compress(image, coding="lossless", settings=settings)
                else:
                    data = codec.compress(image, 90, settings=settings)
            except UnsupportedImage:
                assert strict and mode in LOSSY_MODES
                continue
        assert [warning.category for warning in caught] == [FeatureLoss] * (mode in LOSSY_MODES)
        assert {warning.filename for warning in caught} <= {__file__}
        back = codec.decompress(data)
        assert (back.mode, back.size) == (expected, image.size)
        if mode != "LAB":
            shown = np.asarray(image.convert("RGBA" if expected == "RGBA" else expected).convert("L"), float)
            if mode == "I;16":
                shown = np.asarray(image, float) / 257
            assert np.abs(np.asarray(back.convert("L"), float) - shown).mean() < 6


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize(
    "strip", [frozenset(names) for count in range(5) for names in itertools.combinations(STRIPPABLE, count)], ids=sorted
)
def test_metadata(mode: str, strip: frozenset[str], photograph: Image.Image, codec: Codec) -> None:
    image = photograph.convert(mode)
    image.info.update(icc_profile=PROFILE, exif=exif(), xmp=XMP)
    settings = ImageSettings(strip=strip, strict=True)
    packed = [compress(image, coding="lossless", settings=settings)]
    if len(strip) in (0, 4):
        packed.append(codec.compress(image, 5, settings=settings))
    for data in packed:
        info = codec.decompress(data).info
        assert info.get("icc_profile") == (None if "icc" in strip else PROFILE)
        assert ("exif" in info) == ("exif" not in strip) and ("xmp" in info) == ("xmp" not in strip)
        tags = codec.decompress(data).getexif()
        assert tags.get(MAKE) == (None if "exif" in strip else "Abc")
        gone = "gps" in strip or "exif" in strip
        assert bool(tags.get_ifd(GPS_IFD)) != gone
        assert (b"GPS" in info.get("xmp", b"")) == ("xmp" not in strip and "gps" not in strip)
        names = [name for name, _ in probe(data).chunks]
        assert [name for name in ("icc", "exif", "xmp") if name in names] == [
            name for name in ("icc", "exif", "xmp") if name not in strip
        ]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int, photograph: Image.Image, codec: Codec) -> None:
    image = photograph.crop((0, 0, 40, 64))
    back = codec.decompress(codec.compress(encoded(image, "JPEG", quality=95, exif=exif(orientation)), 95))
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }  # fmt: skip
    upright = image.transpose(turns[orientation]) if orientation > 1 else image
    assert back.size == upright.size
    assert np.abs(np.asarray(back, float) - np.asarray(upright, float)).mean() < 8
    assert back.getexif()[ORIENTATION] == 1 and back.getexif()[MAKE] == "Abc"


def test_graphics_take_the_shorter_file(photograph: Image.Image, codec: Codec) -> None:
    drawing = Image.new("1", (64, 64))
    drawing.paste(1, (10, 10, 50, 30))
    data = codec.compress(encoded(drawing))
    assert probe(data).coding == "lossless" and len(data) < 120
    assert codec.decompress(data).tobytes() == drawing.tobytes()
    dithered = photograph.quantize(200)
    data = codec.compress(encoded(dithered), 0)
    assert probe(data).coding == "learned"
    assert len(data) < len(compress(encoded(dithered), coding="lossless"))
    plain = Image.new("RGB", (64, 64))
    assert probe(codec.compress(plain)).coding == "lossless", "flat areas say so as well"


def test_what_was_read_before(photograph: Image.Image, codec: Codec) -> None:
    deep = Image.fromarray(np.asarray(photograph.convert("L")).astype(np.uint16) * 257)
    image = read_image(deep)
    assert image.losses == ("16-bit samples are reduced to 8 bits, with 65535 as white",)
    data = codec.compress(image)  # a warning would be an error here
    with pytest.warns(FeatureLoss, match="16-bit samples"):
        assert codec.compress(deep) == data
    with pytest.warns(FeatureLoss, match="16-bit samples"):
        assert compress(deep, model=codec.model, device="cpu") == data


def test_source_record(photograph: Image.Image, codec: Codec) -> None:
    plain = codec.compress(photograph)
    record = SourceRecord("JPG", 1_234_567)
    data = codec.compress(photograph, source=record)
    assert len(data) == len(plain) + 7 + 5 + 3
    assert probe(data).source == record and probe(plain).source is None
    assert codec.decompress(data).tobytes() == codec.decompress(plain).tobytes()


def test_files_without_a_model_through_a_codec(photograph: Image.Image, codec: Codec) -> None:
    original = encoded(photograph)
    stored = store_original(original)
    assert restore_original(stored) == OriginalFile(original, "png")
    lossless = compress(photograph, coding="lossless")
    learned = codec.compress(photograph)
    for data in (stored, lossless, learned):
        image = codec.decompress(data)
        other = decompress(data, device="cpu")
        assert (other.mode, other.tobytes()) == (image.mode, image.tobytes())
    assert codec.decompress(stored).tobytes() == codec.decompress(lossless).tobytes() == photograph.tobytes()


def test_settings_and_limits(photograph: Image.Image, codec: Codec) -> None:
    transparent = photograph.convert("RGBA")
    transparent.putalpha(Image.linear_gradient("L").resize(photograph.size))
    assert codec.decompress(codec.compress(transparent, settings=ImageSettings(keep_alpha=False))).mode == "RGB"
    strict: dict[str, Any] = {"max_pixels": 64 * 64, "max_dim": 64}
    small = Codec(device="cpu", limits=Limits(**strict))
    data = small.compress(photograph)
    assert small.decompress(data).size == (64, 64)
    for limit in strict:
        lower = Codec(device="cpu", limits=Limits(**{limit: 63}))
        with pytest.raises(LimitExceeded):
            lower.compress(photograph)
        with pytest.raises(LimitExceeded):
            lower.decompress(data)
        assert lower.compress(photograph, settings=ImageSettings()) == data, "settings have limits of their own"
        with pytest.raises(LimitExceeded):
            decompress(data, device="cpu", limits=Limits(**{limit: 63}))
