"""The starting point: statistics of patches, quantisation steps, and what they set in a model."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cnncompress.model.config import SCALE_MIN, ModelConfig
from cnncompress.training.hyperprior import HyperpriorModel
from cnncompress.training.initialise import initialise, optimal_step, patch_covariance


def test_covariance_of_all_patches(train_images: dict[str, Tensor]) -> None:
    image = train_images["astronaut"][:, :64, :80]
    patches = torch.stack(
        [
            (image[:, i : i + 16, j : j + 16].double() / 255 - 0.5).flatten()
            for i in range(0, 64, 16)
            for j in range(0, 80, 16)
        ]
    )
    expected = patches.T @ patches / len(patches)
    found = patch_covariance([image], 10**6, seed=1)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    unshuffled = F.pixel_unshuffle(image[None].double() / 255 - 0.5, 16)[0].flatten(1).T
    torch.testing.assert_close(unshuffled, patches)


def test_covariance_of_chosen_patches(train_images: dict[str, Tensor]) -> None:
    images = list(train_images.values())
    first, same, other = (patch_covariance(images, 40, seed) for seed in (1, 1, 2))
    assert torch.equal(first, same) and not torch.equal(first, other)
    assert torch.linalg.matrix_rank(first, rtol=1e-5) <= 42
    torch.testing.assert_close(first, first.T)


def test_images_of_odd_sizes_and_of_one_patch() -> None:
    white = [torch.full((3, 16, 16), 255, dtype=torch.uint8), torch.full((3, 33, 47), 255, dtype=torch.uint8)]
    torch.testing.assert_close(patch_covariance(white, 5, 1), torch.full((768, 768), 0.25, dtype=torch.float64))


def test_step_is_the_optimum_of_a_uniform_quantiser() -> None:
    """Where ``lambda 255^2 D^2 / 12 - 0.6 * 3 log2 D`` is least: its derivative is zero there."""
    for lmbda in (0.0006, 0.01, 0.18):
        step = optimal_step(lmbda)
        slope = lmbda * 255**2 * step / 6 - 0.6 * 3 / (math.log(2) * step)
        assert slope == pytest.approx(0.0, abs=1e-6 * lmbda * 255**2)
    assert optimal_step(0.01) == pytest.approx(2 * optimal_step(0.04))


def test_model_is_set(tiny_config: ModelConfig, train_images: dict[str, Tensor]) -> None:
    covariance = patch_covariance(list(train_images.values()), 500, 1)
    model = HyperpriorModel(tiny_config)
    initialise(model, covariance)
    network = model.network
    values = torch.linalg.eigvalsh(covariance).flip(0)[: tiny_config.latent_channels]
    torch.testing.assert_close(network.g_a.klt_std.double(), values.sqrt(), rtol=1e-4, atol=1e-6)
    assert torch.equal(network.log_gain.table, -network.log_inverse_gain.table)
    for anchor, lmbda in enumerate(tiny_config.lambdas):
        gain = network.log_gain.table[anchor].exp()
        assert gain.tolist() == pytest.approx([1 / optimal_step(lmbda)] * tiny_config.latent_channels)
        sigma = SCALE_MIN * model.scales.offset.table[anchor].exp()
        torch.testing.assert_close(sigma, network.g_a.klt_std * gain)
    sigma = SCALE_MIN * model.scales.hyper_offset.table.exp()
    torch.testing.assert_close(sigma, torch.full_like(sigma, 1.5))


def test_directions_without_any_variance_stay_finite(tiny_config: ModelConfig) -> None:
    model = HyperpriorModel(tiny_config)
    initialise(model, torch.zeros(768, 768, dtype=torch.float64))
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())
    assert (model.network.g_a.klt_std > 0).all()
