"""What is taken for a picture with flat areas, and what for a photograph."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cnncompress.images.graphics import has_flat_areas, lossless_bpp
from cnncompress.images.planes import encode_image
from cnncompress.images.read import read_image

Pixels = NDArray[np.uint8]


def test_photographs(astronaut: Pixels, coffee: Pixels, chelsea: Pixels) -> None:
    for photograph in (astronaut, coffee, chelsea):
        assert not has_flat_areas(photograph)
        height, width, _ = photograph.shape
        image = read_image(photograph)
        file_bpp = 8 * len(encode_image(image.colour, None, image.layout)) / (height * width)
        assert 0.75 < lossless_bpp(photograph) / file_bpp < 1.25


def test_drawings(coffee: Pixels) -> None:
    page = np.full((300, 400, 3), 255, np.uint8)
    page[50:150, 40:200] = coffee[:100, :160]  # a sixth of the page
    assert has_flat_areas(page)
    assert lossless_bpp(page) < lossless_bpp(coffee)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 2), (65, 3)])
def test_small_pictures(size: tuple[int, int]) -> None:
    flat = np.full((*size, 3), 7, np.uint8)
    assert has_flat_areas(flat) == (size[1] > 1)
    assert lossless_bpp(flat) == 0.0
