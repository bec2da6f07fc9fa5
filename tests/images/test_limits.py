"""Limits on the size of an image, and what they say."""

from __future__ import annotations

from typing import Any

import pytest

from cnncompress.errors import LimitExceeded, UnsupportedImage
from cnncompress.images.limits import ANY_SIZE, Limits


@pytest.mark.parametrize("values", [{"max_pixels": 0}, {"max_dim": 0}, {"max_dim": 65536}])
def test_values_out_of_range(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"max_pixels is \d+, max_dim "):
        Limits(**values)


def test_sizes() -> None:
    Limits(35, 7).check_size(7, 5)
    with pytest.raises(LimitExceeded, match="7x5 pixels are more than the limit of 34"):
        Limits(34).check_size(7, 5)
    with pytest.raises(LimitExceeded, match="7x5 pixels: a side is longer than 6"):
        Limits(max_dim=6).check_size(7, 5)
    with pytest.raises(UnsupportedImage, match="0x5 pixels: the image is empty"):
        Limits().check_size(0, 5)
    ANY_SIZE.check_size(65535, 65535)


def test_memory() -> None:
    Limits(memory=1000).check_memory(1000)
    with pytest.raises(LimitExceeded, match=r"takes 2\.0 MB of memory, more than the limit of 1\.0 MB"):
        Limits(memory=1_000_000).check_memory(2_000_000)
