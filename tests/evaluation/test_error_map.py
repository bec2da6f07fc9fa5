from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnncompress.evaluation.error_map import ErrorMapper
from cnncompress.evaluation.metrics import ssimulacra2

Pixels = NDArray[np.uint8]


def through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def test_scores_are_those_of_the_package(chelsea: Pixels) -> None:
    original = chelsea[:230, :251]
    compare = ErrorMapper(original)
    coarse, fine = (compare(through_jpeg(original, quality)) for quality in (10, 90))
    assert coarse.score == pytest.approx(ssimulacra2(original, through_jpeg(original, 10)), abs=1e-6)
    assert fine.score > coarse.score and fine.errors.mean() < coarse.errors.mean()
    same = compare(original)
    assert same.score == pytest.approx(100.0) and same.errors.max() < 1e-6


def test_errors_are_where_the_picture_was_changed(chelsea: Pixels) -> None:
    original = chelsea[:240, :256]
    decoded = original.copy()
    decoded[80:120, 160:220] = through_jpeg(original[80:120, 160:220].copy(), 3)
    errors = ErrorMapper(original)(decoded).errors
    assert errors.shape == (240, 256) and errors.min() >= 0
    assert errors[80:120, 160:220].sum() > 0.6 * errors.sum()
    assert errors[150:, :100].max() < 0.05 * errors.max()


def test_small_images_have_no_map(chelsea: Pixels) -> None:
    with pytest.raises(ValueError, match="expected 225 or more"):
        ErrorMapper(chelsea[:100])
