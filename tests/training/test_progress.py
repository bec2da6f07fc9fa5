"""What a run prints: means by quality, and validation."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor

from cnncompress.nn.config import ModelConfig
from cnncompress.nn.hyperprior import HyperpriorModel
from cnncompress.training.initialise import initialise, patch_covariance
from cnncompress.training.loss import RateDistortion
from cnncompress.training.progress import QualityMeter, validate


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
    line = validate(model, images, torch.device("cpu"))
    assert line == validate(model, list(held_out_images.values()), torch.device("cpu"))
    numbers = [float(number) for number in re.findall(r"[\d.]+", line)]
    assert line.startswith("validation loss ") and len(numbers) == 1 + 2 * tiny_config.anchors
    bpp, psnr = numbers[1::2], numbers[2::2]
    assert bpp == sorted(bpp) and psnr == sorted(psnr)
    losses = [
        lmbda * 65025 * 10 ** (-quality / 10) + rate
        for lmbda, rate, quality in zip(tiny_config.lambdas, bpp, psnr, strict=True)
    ]
    assert numbers[0] == pytest.approx(sum(losses) / 3, rel=2e-3)


def test_validation_without_a_large_image(tiny_config: ModelConfig, train_images: dict[str, Tensor]) -> None:
    line = validate(HyperpriorModel(tiny_config), train_images.values(), torch.device("cpu"))
    assert line == "validation: no held-out image is large enough"
