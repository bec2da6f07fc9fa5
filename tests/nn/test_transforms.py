"""Analysis and synthesis: untrained, they are a working transform codec already."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnncompress.model.config import ModelConfig
from cnncompress.nn.transforms import PATCH_VALUES, AnalysisTransform, SynthesisTransform
from cnncompress.training.hyperprior import HyperpriorModel
from cnncompress.training.initialise import initialise, patch_covariance


@pytest.fixture(scope="module")
def covariance(coffee: NDArray[np.uint8], chelsea: NDArray[np.uint8]) -> Tensor:
    """Second moments of the patches of two photographs."""
    images = [torch.tensor(pixels).permute(2, 0, 1) for pixels in (coffee, chelsea)]
    return patch_covariance(images, 2000, seed=1)


@pytest.fixture(scope="module")
def photograph(astronaut: NDArray[np.uint8]) -> Tensor:
    """A photograph that the covariance has not seen: float32 ``[1, 3, 128, 192]``."""
    return torch.tensor(astronaut[64:192, 128:320]).permute(2, 0, 1)[None] / 255.0


def initialised(config: ModelConfig, covariance: Tensor) -> HyperpriorModel:
    torch.manual_seed(0)
    model = HyperpriorModel(config).eval()
    initialise(model, covariance)
    return model


def psnr(x: Tensor, x_hat: Tensor) -> float:
    return -10.0 * float(torch.log10((x - x_hat).square().mean()))


@torch.no_grad()
def test_psnr_rises_with_the_latent_channels(tiny_config: ModelConfig, covariance: Tensor, photograph: Tensor) -> None:
    position = torch.tensor([1.0])
    measured = []
    for channels in (4, 16, 64, 256, PATCH_VALUES):
        network = initialised(dataclasses.replace(tiny_config, latent_channels=channels), covariance).network
        measured.append(psnr(photograph, network.synthesise(network.analyse(photograph, position), position)))
    assert all(low + 2.0 < high for low, high in itertools.pairwise(measured)), measured
    assert measured[0] > 15.0
    assert measured[-1] > 90.0  # as many coefficients as values: nothing is lost


@torch.no_grad()
def test_untrained_model_codes_at_every_quality(
    tiny_config: ModelConfig, covariance: Tensor, photograph: Tensor
) -> None:
    """With real rounding: better and larger as lambda rises, and far better than the rate of noise."""
    model = initialised(dataclasses.replace(tiny_config, latent_channels=320), covariance)
    outputs = [model(photograph, torch.tensor([float(anchor)])) for anchor in range(tiny_config.anchors)]
    quality = [psnr(photograph, output.x_hat) for output in outputs]
    bpp = [float(output.y_bits + output.z_bits) / photograph[0, 0].numel() for output in outputs]
    assert quality[0] > 20.0 and quality[-1] > 32.0
    assert quality == sorted(quality) and bpp == sorted(bpp)
    assert bpp[0] > 0.01 and bpp[-1] < 4.0


@torch.no_grad()
def test_linear_path_is_the_transform_of_16x16_patches(tiny_config: ModelConfig, photograph: Tensor) -> None:
    torch.manual_seed(3)
    analysis, synthesis = AnalysisTransform(tiny_config), SynthesisTransform(tiny_config)
    position = torch.tensor([0.5])
    for transform in (analysis, synthesis):
        transform.klt.normal_()
        transform.klt_std.uniform_(0.5, 2.0)
    y = analysis(photograph, position)
    assert y.shape == (1, 8, 8, 12)
    row, column = 3, 7
    patch = photograph[0, :, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
    torch.testing.assert_close(y[0, :, row, column], analysis.klt @ (patch - 0.5).flatten(), rtol=1e-4, atol=1e-4)
    x_hat = synthesis(y, position)
    assert x_hat.shape == photograph.shape
    patch = x_hat[0, :, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
    expected = (synthesis.klt @ y[0, :, row, column]).view(3, 16, 16) + 0.5
    torch.testing.assert_close(patch, expected, rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_networks_start_from_nothing_and_then_matter(tiny_config: ModelConfig, photograph: Tensor) -> None:
    position = torch.tensor([0.5])
    for transform, x in (
        (AnalysisTransform(tiny_config), photograph),
        (SynthesisTransform(tiny_config), torch.randn(1, 8, 8, 12)),
    ):
        transform.klt.zero_()
        before = transform(x, position)
        assert len(before.unique()) == 1
        zeros = [name for name, tensor in transform.named_parameters() if not tensor.any()]
        last = next(name for name in zeros if name.endswith("weight"))
        transform.get_parameter(last).normal_()
        assert not torch.equal(transform(x, position), before)


@torch.no_grad()
def test_autocast_keeps_the_linear_path_in_float32(tiny_config: ModelConfig, photograph: Tensor) -> None:
    analysis = AnalysisTransform(tiny_config)
    analysis.klt.normal_()
    position = torch.tensor([0.5])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = analysis(photograph, position)
    assert y.dtype == torch.float32
    assert torch.equal(y, analysis(photograph, position))


def test_basis_is_orthonormal_and_ordered(tiny_config: ModelConfig, covariance: Tensor) -> None:
    network = initialised(dataclasses.replace(tiny_config, latent_channels=64), covariance).network
    torch.testing.assert_close(network.g_a.klt @ network.g_s.klt, torch.eye(64), rtol=0, atol=1e-5)
    std = network.g_a.klt_std
    assert (std[:-1] >= std[1:]).all() and torch.equal(std, network.g_s.klt_std)
    projected = (network.g_a.klt.double() @ covariance @ network.g_s.klt.double()).diagonal().sqrt()
    torch.testing.assert_close(projected.float(), std.detach(), rtol=1e-3, atol=1e-5)
