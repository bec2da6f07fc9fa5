"""Colours that nobody sees cost nothing and change nothing that is seen; gray stored as RGB is coded as gray."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnncompress.api.calls import compress, decompress
from cnncompress.api.codec import Codec
from cnncompress.bitstream.container import Layout, unpack
from cnncompress.images import unseen
from cnncompress.images.read import read_image
from cnncompress.images.unseen import with_gray_layout, with_hidden_colours_filled


def cut_out(pixels: NDArray[np.uint8], hidden: NDArray[np.uint8]) -> Image.Image:
    """The middle of a photograph, with other colours around it under an alpha of 0."""
    rows, columns = np.indices(pixels.shape[:2]) - np.array(pixels.shape[:2])[:, None, None] // 2
    seen = rows**2 + columns**2 < 40**2
    return Image.fromarray(np.dstack([np.where(seen[..., None], pixels, hidden), seen * np.uint8(255)]))


@pytest.fixture(scope="module")
def cut_outs(coffee: NDArray[np.uint8]) -> list[Image.Image]:
    """The same picture with black, and with noise, where nothing is seen."""
    crop = coffee[100:228, 150:310]
    noise = np.random.default_rng(2).integers(0, 256, crop.shape, dtype=np.uint8)
    return [cut_out(crop, hidden) for hidden in (np.zeros_like(crop), noise)]


def test_what_is_seen_stays_and_the_rest_goes_on_smoothly(cut_outs: list[Image.Image]) -> None:
    filled = [with_hidden_colours_filled(read_image(image)) for image in cut_outs]
    assert (filled[0].colour == filled[1].colour).all()
    seen = np.asarray(cut_outs[0])[..., 3] > 0
    assert (filled[0].colour[seen] == np.asarray(cut_outs[0])[seen][:, :3]).all()
    steps = np.abs(np.diff(filled[0].colour.astype(int), axis=1))[~seen[:, 1:] & ~seen[:, :-1]]
    assert steps.mean() < 1.5


def test_bands_of_rows_fit_together(cut_outs: list[Image.Image], monkeypatch: pytest.MonkeyPatch) -> None:
    image = read_image(cut_outs[1])
    expected = with_hidden_colours_filled(image).colour.astype(int)
    monkeypatch.setattr(unseen, "_ROWS", 32)
    found = with_hidden_colours_filled(image).colour.astype(int)
    assert (found == expected).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (17, 33), (300, 5)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    rgba = rng.integers(0, 256, (*size, 4), dtype=np.uint8)
    rgba[..., 3] = rng.integers(0, 2, size) * 255
    image = read_image(rgba)
    filled = with_hidden_colours_filled(image)
    assert filled.colour.dtype == np.uint8 and filled.colour.shape == image.colour.shape
    seen = rgba[..., 3] > 0
    assert (filled.colour[seen] == rgba[seen][:, :3]).all()


@pytest.mark.parametrize("alpha", [0, 1, 255])
def test_pictures_that_are_seen_everywhere_or_nowhere_stay(alpha: int) -> None:
    image = read_image(np.full((9, 9, 4), alpha, np.uint8))
    assert with_hidden_colours_filled(image) is image


def test_files_do_not_depend_on_hidden_colours(codec: Codec, cut_outs: list[Image.Image]) -> None:
    for coding in ("learned", "avif"):
        black, noise = (codec.compress(image, coding=coding) for image in cut_outs)
        assert black == noise
    assert len(codec.compress(cut_outs[1], coding="avif", exact=True)) > 2 * len(noise)


def test_without_loss_they_are_kept(cut_outs: list[Image.Image]) -> None:
    back = decompress(compress(cut_outs[1], coding="lossless"))
    assert (np.asarray(back) == np.asarray(cut_outs[1])).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("coding", ["learned", "avif", "lossless"])
def test_gray_in_rgb_comes_back_gray_in_rgb(mode: str, coding: str, codec: Codec, chelsea: NDArray[np.uint8]) -> None:
    gray = Image.fromarray(np.ascontiguousarray(chelsea[100:164, 100:180])).convert("L")
    data = codec.compress(gray.convert(mode), coding=coding)  # type: ignore[arg-type]
    back = codec.decompress(data)
    assert back.mode == mode
    samples = np.asarray(back)[..., :3]
    assert (samples == samples[..., :1]).all()
    plain = codec.compress(gray.convert("LA" if mode == "RGBA" else "L"), coding=coding)  # type: ignore[arg-type]
    assert len(data) == len(plain) and (np.asarray(codec.decompress(plain).convert(mode)) == np.asarray(back)).all()
    assert unpack(data).header.layout in (Layout.EQUAL_RGB, Layout.EQUAL_RGBA)


def test_one_coloured_pixel_is_colour() -> None:
    pixels = np.full((600, 8, 3), 77, np.uint8)
    assert with_gray_layout(read_image(pixels)).layout is Layout.EQUAL_RGB
    pixels[599, 7, 2] = 78
    assert with_gray_layout(read_image(pixels)).layout is Layout.RGB
    assert with_gray_layout(replace(read_image(pixels), layout=Layout.GRAY)).layout is Layout.GRAY
