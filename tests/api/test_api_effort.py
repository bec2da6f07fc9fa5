"""The effort argument of the Python interface."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import cnncompress
from cnncompress.api.codec import Codec

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def crop(coffee: Pixels) -> Pixels:
    return np.ascontiguousarray(coffee[140:210, 220:320])


def test_effort_makes_another_file_that_is_nearer(codec: Codec, crop: Pixels) -> None:
    single, refined = codec.compress(crop, 50), codec.compress(crop, 50, effort=3)
    assert codec.compress(crop, 50, effort=0) == single != refined

    def bits_worth(data: bytes) -> float:
        """Bits, and what the errors are worth at the model's trade-off of this quality, about 0.01 bits a square."""
        error = np.square(np.asarray(codec.decompress(data), dtype=float) - crop).mean()
        return 8 * len(data) + 0.01 * float(error) * crop[..., 0].size

    assert bits_worth(refined) < bits_worth(single)
    assert cnncompress.compress(crop, 50, device="cpu", effort=3) == refined


def test_progress_counts_rounds_and_can_stop_them(codec: Codec, crop: Pixels) -> None:
    seen: list[tuple[int, int]] = []
    codec.compress(crop, 50, effort=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]

    def stop(done: int, total: int) -> None:
        raise cnncompress.StopRefining

    assert codec.compress(crop, 50, effort=9, progress=stop) == codec.compress(crop, 50)


def test_effort_goes_with_alpha_and_targets(codec: Codec, crop: Pixels) -> None:
    alpha = np.dstack([crop, np.full(crop.shape[:2], 77, dtype=np.uint8)])
    back = np.asarray(codec.decompress(codec.compress(alpha, 50, effort=1)))
    assert back.shape == alpha.shape and (back[..., 3] == 77).all()
    size = len(codec.compress(crop, 50))
    found = codec.compress(crop, target=cnncompress.TargetSize(size), effort=1)
    assert 0.97 * size < len(found) <= size


@pytest.mark.parametrize("effort", [-1, 10, 1.5])
def test_other_efforts_are_refused(codec: Codec, crop: Pixels, effort: Any) -> None:
    with pytest.raises(ValueError, match=r"effort is .* 0 \.\. 9"):
        codec.compress(crop, effort=effort)
