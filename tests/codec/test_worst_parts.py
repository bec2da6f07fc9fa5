from __future__ import annotations

import numpy as np

from cnncompress.bitstream.container import Layout
from cnncompress.codec.worst_parts import PART_SIDE, PARTS, has_parts, worst_parts
from cnncompress.images.source import SourceImage


def test_the_squares_with_most_error_are_taken() -> None:
    colour = np.random.default_rng(0).integers(0, 200, (4 * PART_SIDE + 30, 5 * PART_SIDE + 7, 3)).astype(np.uint8)
    decoded = colour.copy()
    places = [(0, 3), (1, 0), (3, 2), (3, 4)]
    for number, (row, column) in enumerate(places):
        decoded[row * PART_SIDE + 9, column * PART_SIDE + 5] += np.uint8(10 + number)
    decoded[2 * PART_SIDE, 0] += np.uint8(5)
    part, other = worst_parts(SourceImage(colour, None, Layout.RGB), decoded)
    assert part.colour.shape == other.shape == (PARTS * PART_SIDE, PART_SIDE, 3)
    changed = np.argwhere((part.colour != other).any(axis=2)).tolist()
    assert changed == [[number * PART_SIDE + 9, 5] for number in range(PARTS)]
    assert [int(other[row, 5, 0]) - int(part.colour[row, 5, 0]) for row, _ in changed] == [10, 11, 12, 13]


def test_small_images_have_no_parts() -> None:
    for rows, expected in ((3, False), (4, True)):
        colour = np.zeros((rows * PART_SIDE, 5 * PART_SIDE, 3), np.uint8)
        assert has_parts(SourceImage(colour, None, Layout.RGB)) == expected
