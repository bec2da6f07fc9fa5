"""The rate-distortion loss against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch

from cnncompress.training.hyperprior import HyperpriorOutput
from cnncompress.training.loss import rate_distortion


def output(error: float, y_bits: list[float], z_bits: list[float]) -> tuple[torch.Tensor, HyperpriorOutput]:
    x = torch.full((len(y_bits), 3, 8, 16), 0.5)
    return x, HyperpriorOutput(x + error, torch.tensor(y_bits), torch.tensor(z_bits))


def test_loss_by_hand() -> None:
    x, result = output(0.1, [100.0, 1000.0], [28.0, 24.0])
    lmbda = torch.tensor([0.01, 0.04])
    found = rate_distortion(x, result, lmbda, weight_exponent=0.5)
    assert found.bpp.tolist() == pytest.approx([1.0, 8.0])
    assert found.mse.tolist() == pytest.approx([0.01, 0.01])
    losses = [0.01 * 65025 * 0.01 + 1.0, 0.04 * 65025 * 0.01 + 8.0]
    weights = [10.0, 5.0]
    expected = sum(w * one for w, one in zip(weights, losses, strict=True)) / 15
    assert found.loss.item() == pytest.approx(expected)
    plain = rate_distortion(x, result, lmbda, weight_exponent=0.0)
    assert plain.loss.item() == pytest.approx(sum(losses) / 2)


def test_gradient_pulls_on_rate_and_distortion() -> None:
    x = torch.rand(2, 3, 8, 8)
    x_hat = (x + 0.1).requires_grad_()
    bits = torch.tensor([10.0, 10.0], requires_grad=True)
    found = rate_distortion(x, HyperpriorOutput(x_hat, bits, bits), torch.tensor([0.01, 1.0]), 0.5)
    found.loss.backward()
    assert x_hat.grad is not None and bits.grad is not None
    assert (x_hat.grad > 0).all() and (bits.grad > 0).all()
