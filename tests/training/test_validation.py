"""What a run prints: means by quality, and validation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from cnncompress.model.config import ModelConfig
from cnncompress.training.hyperprior import HyperpriorModel
from cnncompress.training.initialise import initialise, patch_covariance
from cnncompress.training.loss import RateDistortion
from cnncompress.training.objective import Mix
from cnncompress.training.validation import QualityMeter, validate


def result(loss: float, bpp: list[float], mse: list[float]) -> RateDistortion:
    return RateDistortion(torch.tensor(loss), torch.tensor(bpp), torch.tensor(mse))


def test_meter_takes_means_by_quality_and_starts_again() -> None:
    meter = QualityMeter(anchors=3, device=torch.device("cpu"), bins=2)
    meter.add(torch.tensor([0.1, 1.9]), result(4.0, [1.0, 3.0], [0.01, 0.001]))
    meter.add(torch.tensor([0.9, 2.0]), result(2.0, [2.0, 5.0], [0.0001, 0.001]))
    assert meter.read() == (3.0, "1.500/30.00 4.000/30.00")
    assert meter.read() == (0.0, "")
    meter.add(torch.tensor([2.0]), result(math.nan, [1.0], [0.1]))
    loss, text = meter.read()
    assert math.isnan(loss) and text == "1.000/10.00"


def test_validation(
    tiny_config: ModelConfig, train_images: dict[str, Tensor], held_out_images: dict[str, Tensor]
) -> None:
    model = HyperpriorModel(tiny_config)
    initialise(model, patch_covariance(list(train_images.values()), 500, 1))
    images = [*held_out_images.values(), *train_images.values()]  # the smaller ones are left out
    result = validate(model, images, torch.device("cpu"))
    assert result is not None and result == validate(model, list(held_out_images.values()), torch.device("cpu"))
    assert len(result.loss) == len(result.bpp) == len(result.psnr) == tiny_config.anchors
    assert list(result.bpp) == sorted(result.bpp) and list(result.psnr) == sorted(result.psnr)
    losses = [
        lmbda * 65025 * 10 ** (-quality / 10) + rate
        for lmbda, rate, quality in zip(tiny_config.lambdas, result.bpp, result.psnr, strict=True)
    ]
    assert list(result.loss) == pytest.approx(losses, rel=1e-5)
    assert str(result).startswith(f"validation loss {sum(result.loss) / len(result.loss):.4f} {result.bpp[0]:.4f}/")

    mixed = validate(model, images, torch.device("cpu"), Mix(0.5))
    assert mixed is not None and (mixed.bpp, mixed.psnr) == (result.bpp, result.psnr)
    halves = [(loss + rate) / 2 for loss, rate in zip(result.loss, result.bpp, strict=True)]
    dissimilarity = [
        (loss - half) / (500 * lmbda) for loss, half, lmbda in zip(mixed.loss, halves, tiny_config.lambdas, strict=True)
    ]
    assert 0.5 > dissimilarity[0] > dissimilarity[1] > dissimilarity[2] > 0.0


def test_validation_without_a_large_image(tiny_config: ModelConfig, train_images: dict[str, Tensor]) -> None:
    assert validate(HyperpriorModel(tiny_config), train_images.values(), torch.device("cpu")) is None
