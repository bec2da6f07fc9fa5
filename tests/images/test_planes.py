"""Planes without loss: the alpha plane, and whole images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from sample_files import ALPHA, GRAY, LA, RGB, RGBA, RNG, encoded, png

from cnncompress.bitstream.container import Layout
from cnncompress.errors import Corrupt
from cnncompress.images.planes import decode_alpha, decode_image, encode_alpha, encode_image
from cnncompress.images.source import Plane

BILEVEL = np.where(GRAY > 99, 255, 0).astype(np.uint8)


def lossless(pixels: Plane) -> bytes:
    return encoded(Image.fromarray(pixels), "WEBP", lossless=True, exact=True)


def planes(layout: Layout, height: int, width: int, seed: int = 0) -> tuple[Plane, Plane | None]:
    rng = np.random.default_rng(seed)
    colour = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if layout.is_gray:
        colour = colour[..., :1].repeat(3, axis=2)
    if layout is Layout.BILEVEL:
        colour = np.where(colour > 99, 255, 0).astype(np.uint8)
    return colour, rng.integers(0, 256, (height, width), dtype=np.uint8) if layout.has_alpha else None


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (37, 5), (64, 64), (1, 16383), (16384, 1), (2, 65535)])
def test_alpha_round_trip(shape: tuple[int, int]) -> None:
    alpha = RNG.integers(0, 256, shape, dtype=np.uint8)
    payload = encode_alpha(alpha)
    assert payload.startswith(b"RIFF" if max(shape) <= 16383 else b"\x89PNG")
    decoded = decode_alpha(payload, shape[1], shape[0])
    assert decoded.dtype == np.uint8 and decoded.flags.writeable
    assert (decoded == alpha).all()


def test_plain_alpha_is_small() -> None:
    assert len(encode_alpha(np.full((1000, 1000), 255, np.uint8))) < 100


def test_alpha_as_png_is_accepted_at_any_size() -> None:
    assert (decode_alpha(encoded(Image.fromarray(ALPHA)), 7, 5) == ALPHA).all()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "the alpha plane is neither lossless WebP nor PNG"),
        (b"RIFF", "neither"),
        (encoded(Image.fromarray(ALPHA), "JPEG"), "neither"),
        (encoded(Image.fromarray(RGB), "WEBP", lossless=False), "neither"),
        (encode_alpha(ALPHA.T), "5x7 pixels, expected 7x5"),
        (encoded(Image.fromarray(ALPHA.T.copy())), "5x7 pixels, expected 7x5"),
        (png(60000, 60000, 8, 0, b""), "60000x60000 pixels, expected 7x5"),
        (encoded(Image.fromarray(RGB)), "mode RGB, expected L with 8 bits"),
        (lossless(RGB), "colours"),
        (lossless(RGBA), "mode RGBA, expected RGB with 8 bits"),
        (encoded(Image.fromarray(LA)), "mode LA, expected L "),
        (encoded(Image.fromarray(ALPHA).convert("1")), "mode 1, expected L "),
        (encode_alpha(ALPHA)[:-8], "cannot be decoded"),
        (encoded(Image.fromarray(ALPHA))[:-30], "cannot be decoded"),
        (encode_alpha(ALPHA)[:25], "cannot be decoded"),
    ],
)
def test_bad_alpha_is_corrupt(payload: bytes, message: str) -> None:
    with pytest.raises(Corrupt, match=message):
        decode_alpha(payload, 7, 5)


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (1, 300), (64, 64), (16384, 1)])
def test_image_round_trip(layout: Layout, shape: tuple[int, int]) -> None:
    colour, alpha = planes(layout, *shape)
    payload = encode_image(colour, alpha, layout)
    assert payload.startswith(b"RIFF" if max(shape) <= 16383 else b"\x89PNG")
    back, alpha_back = decode_image(payload, shape[1], shape[0], layout)
    assert back.dtype == np.uint8 and (back == colour).all()
    if alpha is None:
        assert alpha_back is None
    else:
        assert alpha_back is not None and (alpha_back == alpha).all()


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(4)), elements=st.integers(0, 255)),
    st.sampled_from(Layout),
)
def test_any_image_comes_back(pixels: Plane, layout: Layout) -> None:
    """Also what is wholly opaque, wholly transparent, or of one colour."""
    colour = pixels[..., :1].repeat(3, axis=2) if layout.is_gray else np.ascontiguousarray(pixels[..., :3])
    if layout is Layout.BILEVEL:
        colour = np.where(colour > 99, 255, 0).astype(np.uint8)
    alpha = pixels[..., 3] if layout.has_alpha else None
    back, alpha_back = decode_image(encode_image(colour, alpha, layout), pixels.shape[1], pixels.shape[0], layout)
    assert (back == colour).all()
    assert (alpha is None and alpha_back is None) or (alpha_back == alpha).all()  # type: ignore[union-attr]


def test_png_is_accepted_at_any_size() -> None:
    for pixels, layout in [(RGB, Layout.RGB), (RGBA, Layout.RGBA), (GRAY, Layout.GRAY), (LA, Layout.GRAY_ALPHA)]:
        colour, alpha = decode_image(encoded(Image.fromarray(pixels)), 7, 5, layout)
        assert (colour[..., 0] == (pixels if pixels.ndim == 2 else pixels[..., 0])).all()
        assert alpha is None or (alpha == ALPHA).all()


@pytest.mark.parametrize(
    ("payload", "layout", "message"),
    [
        (b"RIFF", Layout.RGB, "the RGB image is neither lossless WebP nor PNG"),
        (lossless(RGB.transpose(1, 0, 2).copy()), Layout.RGB, "the RGB image is 5x7 pixels, expected 7x5"),
        (lossless(RGBA), Layout.RGB, "mode RGBA, expected RGB"),
        (lossless(RGBA), Layout.GRAY, "mode RGBA, expected RGB"),
        (lossless(RGB), Layout.GRAY, "the L image has colours"),
        (lossless(RGBA), Layout.GRAY_ALPHA, "the LA image has colours"),
        (lossless(GRAY), Layout.BILEVEL, "the 1 image has values other than 0 and 255"),
        (encoded(Image.fromarray(GRAY)), Layout.RGB, "mode L, expected RGB"),
        (encoded(Image.fromarray(RGB)), Layout.RGBA, "mode RGB, expected RGBA "),
        (encoded(Image.fromarray(RGB[..., :1].repeat(3, axis=2))), Layout.GRAY, "mode RGB, expected L "),
        (encoded(Image.fromarray(LA)), Layout.RGBA, "mode LA, expected RGBA "),
        (encoded(Image.fromarray(RGB), transparency=(1, 2, 3)), Layout.RGB, "mode RGB"),
        (encoded(Image.fromarray(RGB).quantize(4)), Layout.RGB, "mode P"),
        (lossless(RGB)[:-9], Layout.RGB, "cannot be decoded"),
    ],
)
def test_bad_images_are_corrupt(payload: bytes, layout: Layout, message: str) -> None:
    with pytest.raises(Corrupt, match=message):
        decode_image(payload, 7, 5, layout)


def test_black_and_white_is_small() -> None:
    colour = np.zeros((256, 256, 3), np.uint8)
    colour[64:192, 64:192] = 255
    assert len(encode_image(colour, None, Layout.BILEVEL)) < 120
