"""Finds the parts of an image with a codec's largest errors, to compare another codec there."""

from __future__ import annotations

import numpy as np

from cnncompress.bitstream.container import Layout
from cnncompress.images.source import Plane, SourceImage
from cnncompress.images.write import shown_colours

PART_SIDE = 256
PARTS = 4


def has_parts(image: SourceImage) -> bool:
    """Checks whether an image is so large that the parts are at most a quarter of it."""
    width, height = image.size
    return (height // PART_SIDE) * (width // PART_SIDE) >= 4 * PARTS


def worst_parts(image: SourceImage, decoded: Plane) -> tuple[SourceImage, Plane]:
    """Returns the parts with the largest squared error, stacked vertically.

    Args:
        image: The original, for which `has_parts` is true.
        decoded: Its decoded colours, uint8 ``[H, W, 3]``.

    Returns:
        `PARTS` squares of `PART_SIDE` pixels without alpha, and their decoded colours.
    """
    rows, columns = (side // PART_SIDE for side in image.colour.shape[:2])
    errors = np.empty((rows, columns))
    for row in range(rows):
        band = slice(row * PART_SIDE, (row + 1) * PART_SIDE), slice(0, columns * PART_SIDE)
        original, other = (shown_colours(plane[band], image.layout) for plane in (image.colour, decoded))
        squares = np.square(original.astype(np.int32) - other).reshape(PART_SIDE, columns, -1)
        errors[row] = squares.sum(axis=(0, 2))
    worst = np.unravel_index(np.sort(np.argsort(errors, axis=None)[-PARTS:]), errors.shape)
    corners = [(row * PART_SIDE, column * PART_SIDE) for row, column in zip(*worst, strict=True)]
    before, after = (
        np.concatenate([plane[top : top + PART_SIDE, left : left + PART_SIDE] for top, left in corners])
        for plane in (image.colour, decoded)
    )
    return SourceImage(before, None, Layout.GRAY if image.layout.is_gray else Layout.RGB), after
