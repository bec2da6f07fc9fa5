from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnncompress.evaluation.equal_bytes import SizeSearch
from cnncompress.evaluation.peers import find_codec


class Counting:
    """A codec whose files are ``10 * quality`` bytes, from quality 20 on; counts what it encodes."""

    name, settings, fingerprint, qualities = "counting", "", None, (1.0, 100.0)

    def __init__(self) -> None:
        self.encoded: list[float] = []

    def load(self) -> None:
        pass

    def encode(self, image: Image.Image, quality: float) -> bytes:
        self.encoded.append(quality)
        return bytes(max(200, 10 * round(quality)))

    def decode(self, data: bytes) -> Image.Image:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("size", "quality"), [(1, 1), (200, 1), (201, 21), (500, 50), (501, 51), (1000, 100), (9999, 100)]
)
def test_lowest_quality_with_enough_bytes(size: int, quality: int) -> None:
    codec = Counting()
    file = SizeSearch(codec, Image.new("RGB", (8, 8))).at_least(size)
    assert (file.quality, len(file.data)) == (quality, max(200, 10 * quality))
    assert len(codec.encoded) == len(set(codec.encoded)) <= 10


def test_files_are_kept_for_the_next_size() -> None:
    codec = Counting()
    search = SizeSearch(codec, Image.new("RGB", (8, 8)))
    search.at_least(500)
    before = len(codec.encoded)
    assert search.at_least(500).quality == 50 and len(codec.encoded) == before
    search.at_least(520)
    assert len(codec.encoded) <= before + 4


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_peers(name: str, chelsea: NDArray[np.uint8]) -> None:
    image = Image.fromarray(chelsea[:100, :120])
    codec = find_codec(name)
    file = SizeSearch(codec, image).at_least(3000)
    assert len(file.data) >= 3000 > len(codec.encode(image, file.quality - 1))
