"""Modes that become planes: palettes, transparent colours, and what is converted with a warning."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from sample_files import GRAY, LA, RGB, RGBA, cmyk_profile, encoded, pixels_of, png, profile, rgb_tiff, tiff

from cnncompress.bitstream.container import Layout
from cnncompress.errors import UnsupportedImage
from cnncompress.images.modes import to_planes
from cnncompress.images.read import read_image
from cnncompress.images.settings import ImageSettings
from cnncompress.images.write import to_image

STRICT = ImageSettings(strict=True)
WORDS = np.array([[0, 128, 129, 385, 32768, 65535]], np.uint16)


def gray_palette(count: int = 16) -> Image.Image:
    image = Image.fromarray(GRAY // 16)
    image.putpalette([value for step in range(count) for value in [step * 255 // (count - 1)] * 3])
    return image


def gray_tiff(bits: int, kind: int, samples: npt.NDArray[Any]) -> bytes:
    height, width = samples.shape
    tags = {256: (3, [width]), 257: (3, [height]), 258: (3, [bits]), 259: (3, [1]), 262: (3, [1]), 277: (3, [1])}
    return tiff({**tags, 339: (3, [kind])}, samples.tobytes())


def test_palettes_are_expanded() -> None:
    palette = Image.fromarray(RGB).quantize(16)
    found = read_image(encoded(palette))
    assert found.layout is Layout.RGB and found.is_graphic
    assert (found.colour == np.asarray(palette.convert("RGB"))).all()


def test_gray_palettes_are_gray() -> None:
    palette = gray_palette()
    expected = np.asarray(palette.convert("L"))
    found = read_image(encoded(palette))
    assert (found.layout, found.is_graphic) == (Layout.GRAY, True)
    assert (np.asarray(to_image(found.colour, None, found.layout)) == expected).all()
    transparent = read_image(encoded(palette, transparency=3))
    assert transparent.layout is Layout.GRAY_ALPHA and transparent.alpha is not None
    assert read_image(encoded(palette, icc_profile=profile("GRAY"))).layout is Layout.GRAY
    assert read_image(encoded(palette, icc_profile=profile())).layout is Layout.RGB, "the profile has three colours"
    assert read_image(encoded(palette.convert("RGB"))).layout is Layout.RGB, "no palette"


@pytest.mark.parametrize("transparency", [3, bytes(range(0, 160, 10))])
@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_transparency_of_palettes_is_kept(transparency: int | bytes, file_format: str) -> None:
    if file_format == "GIF" and isinstance(transparency, bytes):
        transparency = 5
    palette = Image.fromarray(RGB).quantize(16)
    indexes = np.asarray(palette)
    found = read_image(encoded(palette, file_format, transparency=transparency))
    assert found.layout is Layout.RGBA and found.alpha is not None
    if isinstance(transparency, int):
        if file_format == "PNG":
            assert (found.alpha == np.where(indexes == transparency, 0, 255)).all()
        else:
            assert sorted(np.unique(found.alpha)) == [0, 255]
    else:
        assert (found.alpha == np.frombuffer(transparency, np.uint8)[indexes]).all()


@pytest.mark.parametrize(
    ("data", "layout", "alpha"),
    [
        (png(8, 1, 1, 0, b"\0\xaa", (b"tRNS", b"\0\1")), Layout.GRAY_ALPHA, [0, 255] * 4),
        (png(4, 1, 2, 0, b"\0\x1b", (b"tRNS", b"\0\2")), Layout.GRAY_ALPHA, [255, 255, 0, 255]),
        (png(2, 1, 4, 0, b"\0\x3f", (b"tRNS", b"\0\3")), Layout.GRAY_ALPHA, [0, 255]),
        (png(2, 1, 8, 0, b"\0\x03\x04", (b"tRNS", b"\0\3")), Layout.GRAY_ALPHA, [0, 255]),
        (png(2, 1, 8, 2, b"\0abcdef", (b"tRNS", b"\0a\0b\0c")), Layout.RGBA, [0, 255]),
        (png(2, 1, 16, 0, b"\0\x12\x34\x12\x35", (b"tRNS", b"\x12\x34")), Layout.GRAY_ALPHA, [0, 255]),
        (png(2, 1, 16, 2, b"\0aAbBcCdDeEfF", (b"tRNS", b"aAbBcC")), Layout.RGBA, [0, 255]),
    ],
    ids=["gray1", "gray2", "gray4", "gray8", "rgb8", "gray16", "rgb16"],
)
def test_transparent_colour_of_png(data: bytes, layout: Layout, alpha: list[int]) -> None:
    found = read_image(data)
    assert found.layout is layout and found.alpha is not None
    assert found.alpha.tolist() == [alpha]


@pytest.mark.parametrize(("mode", "layout"), [("RGBX", Layout.RGB), ("La", Layout.GRAY_ALPHA), ("RGBa", Layout.RGBA)])
def test_padded_and_premultiplied_modes(mode: str, layout: Layout) -> None:
    image = Image.new({"RGBX": "RGB", "La": "LA", "RGBa": "RGBA"}[mode], (3, 2), 200).convert(mode)
    found = read_image(image)
    assert found.layout is layout and not found.losses


@pytest.mark.parametrize(
    ("data", "loss"),
    [
        (encoded(Image.new("CMYK", (3, 2)), "JPEG"), "CMYK is converted to sRGB, without a profile"),
        (encoded(Image.new("CMYK", (3, 2)), "TIFF"), "CMYK"),
        (encoded(Image.new("LAB", (3, 2)), "TIFF"), "LAB is converted to sRGB"),
        (encoded(Image.new("YCbCr", (3, 2)), "TIFF"), "YCbCr is converted to RGB"),
        (Image.new("HSV", (3, 2)), "HSV is converted to RGB"),
        (encoded(Image.new("F", (3, 2)), "TIFF"), "float samples"),
        (encoded(Image.new("I;16", (3, 2))), "16-bit samples are reduced to 8 bits, with 65535 as white"),
        (Image.new("I", (3, 2)), "32-bit samples"),
        (png(1, 1, 16, 2, bytes(7)), "more than 8 bits a sample .mode RGB. are reduced"),
        (png(1, 1, 16, 4, bytes(5)), "more than 8 bits"),
        (png(1, 1, 16, 6, bytes(9)), "more than 8 bits"),
        (rgb_tiff(16), "more than 8 bits"),
        (b"P6 1 1 65535\n" + bytes(6), "more than 8 bits"),
        (b"P3 1 1 300 1 2 3\n", "more than 8 bits"),
        (b"P5 1 1 65535\n" + bytes(2), "32-bit samples are reduced to 8 bits, with 65535"),
        (b"Pf 1 1 -1.0\n" + bytes(4), "float"),
        (png(1, 1, 8, 2, bytes(4), (b"gAMA", (100000).to_bytes(4, "big"))), "gamma of 1 is not kept"),
    ],
)
def test_losses_are_told_and_refused_if_strict(data: Any, loss: str) -> None:
    found = read_image(data)
    with pytest.raises(UnsupportedImage, match=f"^strict: .*{loss}"):
        read_image(data, STRICT)
    assert len(found.losses) == 1
    with pytest.raises(UnsupportedImage, match=found.losses[0].replace("(", ".").replace(")", ".")):
        read_image(data, STRICT)


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.fromarray(RGB), "JPEG"),
        encoded(Image.fromarray(RGBA)),
        encoded(Image.fromarray(GRAY).convert("1")),
        encoded(Image.fromarray(RGB).quantize(16), "GIF"),
        encoded(Image.fromarray(LA)),
        png(1, 1, 8, 2, bytes(4), (b"gAMA", (45455).to_bytes(4, "big"))),
        png(1, 1, 8, 2, bytes(4), (b"gAMA", (100000).to_bytes(4, "big")), (b"sRGB", b"\0")),
    ],
)
def test_what_loses_nothing_may_be_strict(data: bytes) -> None:
    assert not read_image(data, STRICT).losses


def test_unknown_modes_are_refused_by_name() -> None:
    class Odd(Image.Image):
        mode = "XYZ"

    with pytest.raises(UnsupportedImage, match="mode XYZ is not supported"):
        to_planes(Odd(), None, "")


@pytest.mark.parametrize(
    "source",
    [
        Image.fromarray(WORDS),
        encoded(Image.fromarray(WORDS)),
        b"P5 6 1 65535\n" + WORDS.astype(">u2").tobytes(),
        gray_tiff(16, 1, WORDS),
    ],
)
def test_sixteen_bits_are_rounded(source: Any) -> None:
    assert read_image(source).colour[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]


def test_gray_with_alpha_stays_gray_with_16_bits() -> None:
    found = read_image(png(1, 1, 16, 4, b"\0\x80\x00\x40\x00"))
    assert found.layout is Layout.GRAY_ALPHA and found.alpha is not None
    assert (found.colour.ravel().tolist(), found.alpha.tolist()) == ([128] * 3, [[64]])


def test_twelve_bits() -> None:
    tags = {256: (3, [2]), 257: (3, [1]), 258: (3, [12]), 259: (3, [1]), 262: (3, [1]), 277: (3, [1])}
    assert read_image(tiff(tags, b"\xff\xf8\x00")).colour[0, :, 0].tolist() == [255, 128]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (Image.fromarray(np.array([[0, 0.5, 1]], np.float32)), [0, 128, 255]),
        (Image.fromarray(np.array([[0, 100, 255]], np.float32)), [0, 100, 255]),
        (Image.fromarray(np.array([[-0.001, 1.001]], np.float32)), [0, 255]),
        (gray_tiff(32, 3, np.array([[0, 0.25, 1]], np.float32)), [0, 64, 255]),
        (Image.fromarray(np.array([[0, 3, 255]], np.int32)), [0, 3, 255]),
        (Image.fromarray(np.array([[0, 257, 65535]], np.int32)), [0, 1, 255]),
        (b"P5 2 1 65535\n\0\1\0\2", [0, 0]),
    ],
)
def test_white_is_found(source: Any, expected: list[int]) -> None:
    found = read_image(source)
    assert found.layout is Layout.GRAY
    assert found.colour[0, :, 0].tolist() == expected


@pytest.mark.parametrize(
    "source",
    [
        Image.fromarray(np.array([[0, np.nan]], np.float32)),
        Image.fromarray(np.array([[0, np.inf]], np.float32)),
        Image.fromarray(np.array([[-1, 1]], np.float32)),
        Image.fromarray(np.array([[0, 300]], np.float32)),
        Image.fromarray(np.array([[-5, 7]], np.int32)),
        Image.fromarray(np.array([[0, 65536]], np.int32)),
        gray_tiff(32, 3, np.array([[0, 1.5]], np.float32)),
    ],
)
def test_samples_with_an_unknown_white_are_refused(source: Any) -> None:
    with pytest.raises(UnsupportedImage, match=r"samples from .*: no known value of white"):
        read_image(source)


def test_cmyk_goes_through_its_profile() -> None:
    magenta = Image.new("CMYK", (3, 2), (0, 255, 0, 0))
    for file_format in ("JPEG", "TIFF"):
        found = read_image(encoded(magenta, file_format, icc_profile=cmyk_profile()))
        assert found.losses == ("CMYK is converted to sRGB, through its profile",)
        assert found.metadata.icc is None, "the profile is not that of the planes"
        assert np.abs(found.colour[0, 0].astype(int) - [180, 90, 121]).max() <= 2
        plain = read_image(encoded(magenta, file_format))
        assert np.abs(plain.colour[0, 0].astype(int) - [255, 0, 255]).max() <= 2
    for broken in (b"not a profile", cmyk_profile()[:300], profile()):
        found = read_image(encoded(magenta, "TIFF", icc_profile=broken))
        assert found.losses == ("CMYK is converted to sRGB, with a profile that cannot be used",)
        assert found.metadata.icc is None


def test_profiles_of_other_modes_travel() -> None:
    for image in (Image.fromarray(RGB), Image.fromarray(GRAY), Image.fromarray(RGBA)):
        icc = profile("GRAY" if image.mode == "L" else "sRGB")
        assert read_image(encoded(image, icc_profile=icc)).metadata.icc == icc
    assert read_image(encoded(Image.new("YCbCr", (3, 2)), "TIFF", icc_profile=profile())).metadata.icc == profile()


def test_lab_white_is_white() -> None:
    found = read_image(encoded(Image.new("LAB", (1, 1), (255, 128, 128)), "TIFF"))
    assert found.colour.min() >= 254


def test_high_bit_depth_is_found_in_codestreams() -> None:
    avif = bytearray(encoded(Image.fromarray(RGB), "AVIF"))
    avif[avif.index(b"av1C") + 6] |= 0x40
    samples = avif.index(b"pixi") + 9
    avif[samples : samples + 3] = bytes([10, 10, 10])
    jpeg2000 = bytearray(encoded(Image.fromarray(RGB), "JPEG2000"))
    jpeg2000[jpeg2000.index(b"\xff\x4f\xff\x51") + 42] = 11
    for data in (avif, jpeg2000):
        with pytest.raises(UnsupportedImage, match="more than 8 bits"):
            read_image(bytes(data), STRICT)


def test_planes_are_what_pillow_shows() -> None:
    for image in (Image.fromarray(RGB), Image.fromarray(LA), Image.fromarray(GRAY).convert("1")):
        planes = to_planes(image, None, "")
        assert (pixels_of(to_image(planes.colour, planes.alpha, planes.layout)) == pixels_of(image)).all()
