"""MS-SSIM as a loss: the numbers of torchmetrics, and gradients that are right and finite."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from cnncompress.images.ssim_window import SCALE_WEIGHTS
from cnncompress.training.similarity import FULL_SIDE, luma, ms_ssim


@pytest.fixture(scope="module")
def photographs(astronaut: NDArray[np.uint8], coffee: NDArray[np.uint8]) -> Tensor:
    """float32 ``[2, 3, 200, 216]`` in ``0 .. 1``."""
    crops = [astronaut[:200, 128:344], coffee[60:260, 150:366]]
    return torch.tensor(np.stack(crops)).permute(0, 3, 1, 2) / 255.0


def expected_similarity(x: Tensor, x_hat: Tensor, weights: Sequence[float] = SCALE_WEIGHTS) -> float:
    """By torchmetrics' terms at each scale, ``[1, 1, H, W]`` each.

    Its own product of them differs in that it takes the last scale's luminance beyond the borders, too.
    """
    result = 1.0
    for scale, weight in enumerate(weights):
        if scale < len(weights) - 1:
            _, term = structural_similarity_index_measure(x_hat, x, data_range=1.0, return_contrast_sensitivity=True)
            result *= term.item() ** weight
            x, x_hat = F.avg_pool2d(x, 2), F.avg_pool2d(x_hat, 2)
        else:
            _, places = structural_similarity_index_measure(x_hat, x, data_range=1.0, return_full_image=True)
            result *= places[..., 5:-5, 5:-5].mean().item() ** weight
    return result


@pytest.mark.parametrize("strength", [0.01, 0.1, 0.5])
def test_same_as_torchmetrics(photographs: Tensor, strength: float) -> None:
    torch.manual_seed(1)
    noisy = (photographs + strength * torch.randn_like(photographs)).clamp(0.0, 1.0)
    found = ms_ssim(photographs.double(), noisy.double())
    for sample in range(2):
        for channel in range(3):
            x, x_hat = (image[sample : sample + 1, channel : channel + 1].double() for image in (photographs, noisy))
            assert found[sample, channel].item() == pytest.approx(expected_similarity(x, x_hat), abs=1e-9)
            whole = multiscale_structural_similarity_index_measure(x_hat, x, data_range=1.0)
            assert found[sample, channel].item() == pytest.approx(whole.item(), abs=0.01)
    single = ms_ssim(photographs, noisy)
    assert single.dtype == torch.float32 and single.shape == (2, 3)
    torch.testing.assert_close(single.double(), found, rtol=0.0, atol=1e-5)


def test_identical_images(photographs: Tensor) -> None:
    torch.testing.assert_close(ms_ssim(photographs, photographs), torch.ones(2, 3))


@pytest.mark.parametrize(("side", "scales"), [(FULL_SIDE, 5), (FULL_SIDE - 1, 4), (128, 4), (64, 3), (11, 1)])
def test_small_crops_have_fewer_scales(photographs: Tensor, side: int, scales: int) -> None:
    x = photographs[:, :1, :side, :].double()
    x_hat = (x + 0.1 * torch.randn_like(x)).clamp(0.0, 1.0)
    weights = [weight * sum(SCALE_WEIGHTS) / sum(SCALE_WEIGHTS[:scales]) for weight in SCALE_WEIGHTS[:scales]]
    for sample, found in enumerate(ms_ssim(x, x_hat)[:, 0].tolist()):
        assert found == pytest.approx(expected_similarity(x[[sample]], x_hat[[sample]], weights), abs=1e-9)


def test_less_than_a_window_has_no_similarity(photographs: Tensor) -> None:
    with pytest.raises(ValueError, match="216x10: sides must be 11 or more"):
        ms_ssim(photographs[:, :, :10], photographs[:, :, :10])


def test_autocast_changes_nothing(photographs: Tensor) -> None:
    expected = ms_ssim(photographs, 0.9 * photographs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = ms_ssim(photographs, 0.9 * photographs)
    assert found.dtype == torch.float32 and torch.equal(found, expected)


def test_gradients_against_differences(photographs: Tensor) -> None:
    torch.manual_seed(2)
    x = photographs[:, :1].double()
    x_hat = (x + 0.1 * torch.randn_like(x)).requires_grad_()
    assert torch.autograd.gradcheck(lambda image: ms_ssim(x, image), x_hat, fast_mode=True)


def test_gradients_stay_finite_where_nothing_is_similar(photographs: Tensor) -> None:
    """A negative has negative terms; flat images have no variance at all."""
    flat = torch.full_like(photographs, 0.5)
    for x, start in ((photographs, 1.0 - photographs), (photographs, flat), (flat, flat), (flat, photographs)):
        x_hat = start.clone().requires_grad_()
        similarity = ms_ssim(x, x_hat)
        similarity.sum().backward()
        assert ((similarity > 0.0) & (similarity <= 1.0 + 1e-6)).all()
        assert x_hat.grad is not None and x_hat.grad.isfinite().all() and x_hat.grad.abs().max() < 1.0


def test_luma_has_the_weights_of_bt_709() -> None:
    colours = torch.eye(3)[:, :, None, None]
    assert luma(colours).flatten().tolist() == pytest.approx([0.2126, 0.7152, 0.0722])
    assert luma(torch.ones(2, 3, 4, 5)).shape == (2, 1, 4, 5)
    torch.testing.assert_close(luma(torch.ones(1, 3, 1, 1)), torch.ones(1, 1, 1, 1))
