"""Numbers as colours: from black over red and orange to light yellow, so that more always looks brighter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLOURS = ("#000004", "#210c4a", "#57106e", "#8a226a", "#bc3754", "#e45a31", "#f98e09", "#f9cb35", "#fcffa4")
"""Colours of evenly spread values from 0 to the largest, from matplotlib's "inferno"; mixed linearly in between."""


def heat_map(values: NDArray[np.float64], largest: float, scale: int = 1) -> NDArray[np.uint8]:
    """Colours a table of numbers.

    Args:
        values: float64 ``[h, w]``, 0 or above.
        largest: The value, above 0, of the brightest colour, which larger ones get too.
        scale: Pixels along each side of the square that a number becomes.

    Returns:
        uint8 ``[scale * h, scale * w, 3]``, sRGB.
    """
    places = np.linspace(0.0, 1.0, len(COLOURS))
    anchors = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in COLOURS])
    mixed = np.stack([np.interp(values / largest, places, channel) for channel in anchors.T], axis=2)
    pixels: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8).repeat(scale, axis=0).repeat(scale, axis=1)
    return pixels
