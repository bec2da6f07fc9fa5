"""The distortion of an image, against that of the training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cnncompress.codec.refinement.distortion import Distortion
from cnncompress.training.objective import Mix, Objective, SquaredError

Pixels = NDArray[np.uint8]
OBJECTIVES: list[Objective] = [SquaredError(), Mix(0.75)]


def decoded(original: Pixels) -> Pixels:
    noise = np.random.default_rng(0).integers(-9, 10, original.shape)
    result: Pixels = np.clip(original.astype(int) + noise, 0, 255).astype(np.uint8)
    return result


@pytest.mark.parametrize("objective", OBJECTIVES, ids=["mse", "mix"])
def test_distortion_and_gradient_are_those_of_the_training(objective: Objective, coffee: Pixels) -> None:
    original = coffee[100:190, 200:310]
    image = decoded(original)
    x, x_hat = (torch.tensor(pixels).permute(2, 0, 1)[None] / 255.0 for pixels in (original, image))
    x_hat.requires_grad_()
    expected = objective.distortion(x, x_hat, torch.ones(1))
    expected.sum().backward()
    assert x_hat.grad is not None
    found = Distortion(original, objective.similarity_share)
    assert found.of(image).value == pytest.approx(expected.item(), rel=2e-3)
    gradient = x_hat.grad[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found.of(image).gradient(), gradient, rtol=0, atol=2e-3 * np.abs(gradient).max())


def test_images_without_room_for_a_window_have_squared_errors_alone(coffee: Pixels) -> None:
    original = coffee[:10, :200]
    image = decoded(original)
    found, squared = Distortion(original, 0.75), Distortion(original, 0.0)
    assert found.of(image).value == squared.of(image).value and found.luma_curvatures() == []
    assert np.array_equal(found.of(image).gradient(), squared.of(image).gradient())


def test_what_is_not_rounded_is_measured_too(coffee: Pixels) -> None:
    original = coffee[:64, :64]
    found = Distortion(original, 0.75)
    image = decoded(original)
    assert found.of(image.astype(np.float32)).value == pytest.approx(found.of(image).value)
