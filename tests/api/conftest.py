"""A small photograph, and its file."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cnncompress.api.codec import Codec

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def crop(astronaut: Pixels) -> Pixels:
    return np.ascontiguousarray(astronaut[40:110, 180:290])


@pytest.fixture(scope="module")
def packed(codec: Codec, crop: Pixels) -> bytes:
    return codec.compress(crop, 60)
