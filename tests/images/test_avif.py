"""Colours as AVIF: layouts, sizes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sample_files import encoded

from cnncompress.bitstream.container import Layout
from cnncompress.errors import Corrupt
from cnncompress.images.avif import decode_avif, encode_avif


def drawing(height: int, width: int) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows // 8 * 16, columns // 8 * 16, (rows + columns) // 16 * 32], axis=2).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 17), (120, 200)])
def test_colours_come_back(size: tuple[int, int]) -> None:
    colour = drawing(*size)
    back = decode_avif(encode_avif(colour, Layout.RGB, 100), size[1], size[0], Layout.RGB)
    assert back.dtype == np.uint8 and back.flags.writeable
    assert np.abs(back.astype(int) - colour).max() <= 3


@pytest.mark.parametrize("layout", [Layout.GRAY, Layout.BILEVEL])
def test_gray_has_no_chroma(layout: Layout) -> None:
    gray = np.repeat(drawing(40, 50)[..., :1], 3, axis=2)
    back = decode_avif(encode_avif(gray, layout, 100), 50, 40, layout)
    assert back.shape == (40, 50, 3) and (back == back[..., :1]).all()
    expected = np.where(gray >= 128, 255, 0) if layout is Layout.BILEVEL else gray
    assert np.abs(back.astype(int) - expected).max() <= 1


def test_quality_costs_bytes() -> None:
    sizes = [len(encode_avif(drawing(120, 200), Layout.RGB, quality)) for quality in (0, 50, 100)]
    assert sizes == sorted(set(sizes))


def test_colours_do_not_drift() -> None:
    """Libavif's own conversion moves red, green and blue by -0.7, 0.5 and -0.8 on average, each time."""
    patches = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    original = patches.repeat(16, axis=0).repeat(16, axis=1)
    colour = original
    for _ in range(5):
        colour = decode_avif(encode_avif(colour, Layout.RGB, 100), 256, 256, Layout.RGB)
        error = colour.astype(float) - original
        assert np.abs(error.mean(axis=(0, 1))).max() < 0.2
    assert np.square(error).mean() < 2.5


def test_black_and_white_stay() -> None:
    colour = np.zeros((32, 32, 3), np.uint8)
    colour[:, 16:] = 255
    assert (decode_avif(encode_avif(colour, Layout.RGB, 90), 32, 32, Layout.RGB) == colour).all()


def test_what_is_no_such_picture() -> None:
    good = encode_avif(drawing(16, 24), Layout.RGB, 50)
    with pytest.raises(Corrupt, match="are 24x16 pixels of mode RGB"):
        decode_avif(good, 16, 24, Layout.RGB)
    with pytest.raises(Corrupt, match="cannot be decoded"):
        decode_avif(good[: len(good) // 2], 24, 16, Layout.RGB)
    for image, file_format in ((Image.new("RGBA", (24, 16)), "AVIF"), (Image.new("RGB", (24, 16)), "PNG")):
        with pytest.raises(Corrupt):
            decode_avif(encoded(image, file_format), 24, 16, Layout.RGB)
    frames = [Image.new("RGB", (24, 16), (value, 0, 0)) for value in (0, 200)]
    animation = encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    with pytest.raises(Corrupt):
        decode_avif(animation, 24, 16, Layout.RGB)
