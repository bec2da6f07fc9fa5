from __future__ import annotations

import numpy as np

from cnncompress.images.heat_map import COLOURS, heat_map


def test_more_is_brighter() -> None:
    shades = heat_map(np.linspace(0, 1, 200)[None], 1.0)[0].astype(int).sum(axis=1)
    assert (np.diff(shades) >= 0).all()


def test_ends_and_squares() -> None:
    pixels = heat_map(np.array([[0.0, 5.0, 9.0]]), 5.0, scale=3)
    assert pixels.shape == (3, 9, 3)
    assert ["#" + bytes(pixel).hex() for pixel in pixels[2, ::3]] == [COLOURS[0], COLOURS[-1], COLOURS[-1]]
