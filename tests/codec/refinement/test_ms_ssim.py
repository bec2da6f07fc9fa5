"""Similarity in NumPy, against that of the training and its gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cnncompress.codec.refinement.ms_ssim import Similarity
from cnncompress.images.ssim_window import WINDOW
from cnncompress.training import similarity as trained

Floats = NDArray[np.float32]
SIZES = [(WINDOW, WINDOW), (13, 40), (64, 96), (183, 200)]


def plane(height: int, width: int) -> Floats:
    """Something smooth with something rough in it."""
    noise = np.random.default_rng(0).random((height, width), np.float32) - np.float32(0.5)
    smooth = np.cumsum(np.cumsum(noise, 0), 1) + 2 * noise
    scaled: Floats = ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)
    return scaled


def disturbed(image: Floats, size: float) -> Floats:
    noise = np.random.default_rng(1).standard_normal(image.shape, np.float32)
    result: Floats = image + np.float32(size) * noise
    return result


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_similarity_and_gradient_are_those_of_the_training(size: tuple[int, int]) -> None:
    original = plane(*size)
    image = disturbed(original, 0.05)
    expected_image = torch.tensor(image)[None, None].requires_grad_()
    expected = trained.ms_ssim(torch.tensor(original)[None, None], expected_image)
    expected.sum().backward()
    assert expected_image.grad is not None
    found = Similarity(original)
    assert found.of(image).value == pytest.approx(expected.item(), abs=1e-4)
    gradient = expected_image.grad[0, 0].numpy()
    np.testing.assert_allclose(found.of(image).gradient(), gradient, rtol=0, atol=1e-3 * np.abs(gradient).max())


def test_an_image_is_similar_to_itself() -> None:
    original = plane(50, 60)
    found, noisy = Similarity(original), disturbed(original, 0.05)
    assert found.of(original).value == pytest.approx(1.0, abs=1e-5)
    assert np.abs(found.of(original).gradient()).max() < 1e-2 * np.abs(found.of(noisy).gradient()).max()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_curvatures_tell_what_small_errors_cost(size: tuple[int, int]) -> None:
    original = plane(*size)
    image = disturbed(original, 0.003)
    errors, expected = image - original, 0.0
    for weights in Similarity(original).curvatures():
        expected += float((weights * np.square(errors)).sum())
        rows, columns = (side // 2 for side in errors.shape)
        errors = errors[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).mean((1, 3))
    assert 1.0 - Similarity(original).of(image).value == pytest.approx(expected, rel=0.15)
