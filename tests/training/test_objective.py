"""Objectives by name, against the formula."""

from __future__ import annotations

import pytest
import torch

from cnncompress.training.hyperprior import HyperpriorOutput
from cnncompress.training.loss import rate_distortion
from cnncompress.training.objective import MSE, Mix, objective_named
from cnncompress.training.similarity import luma, ms_ssim


def test_names() -> None:
    assert objective_named("mse") is MSE
    assert objective_named("mix-0.6") == Mix(0.6)
    for name in ("", "psnr", "mix", "mix-", "mix-0", "mix-0.0", "mix-1", "mix-1.0", "mix--0.5", "mix-nan", "MSE"):
        with pytest.raises(ValueError, match="must be mse, or mix-A"):
            objective_named(name)


def test_mix_is_the_weighted_sum() -> None:
    torch.manual_seed(1)
    x = torch.rand(3, 3, 192, 176)
    x_hat = x + torch.tensor([0.0, 0.05, 0.2])[:, None, None, None] * torch.randn_like(x)
    lmbda, bits = torch.tensor([0.01, 0.02, 0.1]), torch.tensor([100.0, 200.0, 300.0])
    distortion = Mix(0.25).distortion(x, x_hat, lmbda)
    mse = (x_hat - x).square().mean((1, 2, 3))
    expected = 0.75 * 65025 * mse + 0.25 * 1000 * (1 - ms_ssim(luma(x), luma(x_hat))[:, 0])
    torch.testing.assert_close(distortion, expected)
    assert distortion[0].item() == pytest.approx(0.0, abs=1e-3) and (distortion.diff() > 1.0).all()

    found = rate_distortion(x, HyperpriorOutput(x_hat, bits, bits), lmbda, 0.0, Mix(0.25))
    torch.testing.assert_close(found.loss, (lmbda * expected + 2 * bits / (192 * 176)).mean())
    torch.testing.assert_close(found.mse, mse)


def test_mix_goes_down_its_gradient() -> None:
    """Descent brings the similarity up, not the squared error down alone."""
    torch.manual_seed(2)
    x = torch.rand(1, 3, 176, 176)
    x_hat = (x + 0.1 * torch.randn_like(x)).requires_grad_()
    objective, lmbda = Mix(0.9), torch.ones(1)
    before = objective.distortion(x, x_hat, lmbda)
    (gradient,) = torch.autograd.grad(before.sum(), x_hat)
    moved = (x_hat - 0.5 * gradient / gradient.norm()).detach()
    assert objective.distortion(x, moved, lmbda) < before
    assert ms_ssim(luma(x), luma(moved)) > ms_ssim(luma(x), luma(x_hat.detach()))
