"""What tests of single files begin with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image


@pytest.fixture
def photo(tmp_path: Path, coffee: NDArray[np.uint8]) -> Path:
    """A PNG file of 96x64 pixels."""
    path = tmp_path / "photo.png"
    Image.fromarray(coffee[100:164, 200:296]).save(path)
    return path
