"""Pixels to symbols and back: shapes, ranges, the order of levels, and stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from random_scales import random_tensors

from cnncompress.codec.latents import Latents, LatentTransform, latent_size
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.engines.interface import Latent
from cnncompress.engines.torch import TorchEngine
from cnncompress.entropy.coder import MAX_SYMBOL
from cnncompress.entropy.scale_walk import ScaleWalk
from cnncompress.entropy.scales import MAX_HYPER_SYMBOL, IntegerScales, scale_levels
from cnncompress.model.config import ModelConfig
from cnncompress.nn.network import CodecNetwork
from cnncompress.units import Hundredths

Pixels = NDArray[np.uint8]


@pytest.fixture
def tiny(tiny_config: ModelConfig) -> LatentTransform:
    """Random networks, small and fast."""
    torch.manual_seed(0)
    network = CodecNetwork(tiny_config)
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(0.0, 0.1)
    tensors = random_tensors(tiny_config, seed=1)
    for name, tensor in tensors.items():
        if ".head." in name and not name.endswith("shift"):
            tensor[:] = 0  # the context changes nothing
    return LatentTransform(TorchEngine(network, torch.device("cpu")), IntegerScales(tiny_config, tensors))


def network_in(transform: LatentTransform) -> CodecNetwork:
    assert isinstance(transform.engine, TorchEngine)
    return transform.engine.network


def random_pixels(height: int, width: int) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def coded(transform: LatentTransform, pixels: NDArray[np.uint8], quality: Hundredths) -> tuple[Latents, Latent]:
    """The symbols of an image, and its decoded latent."""
    quantised = transform.quantise(transform.analyse(pixels[None], quality), quality)
    (latents,) = quantised.latents
    return latents, quantised.y_hat


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (65, 64), (1, 129), (130, 17)])
def test_shapes(tiny: LatentTransform, tiny_config: ModelConfig, size: tuple[int, int]) -> None:
    rows, columns = latent_size(*size)
    assert (rows % 4, columns % 4) == (0, 0)
    assert 0 <= 16 * rows - size[0] < 64 and 0 <= 16 * columns - size[1] < 64
    latents, y_hat = coded(tiny, random_pixels(*size), Hundredths(50_00))
    assert latents.z.dtype == latents.y.dtype == np.int32
    assert latents.z.shape == (tiny_config.hyper_channels, rows // 4, columns // 4)
    assert latents.y.shape == (4, tiny_config.latent_channels, rows // 2, columns // 2)
    assert latents.z_levels.dtype == np.uint8 and latents.z_levels.shape == latents.z.shape
    assert latents.y_levels.dtype == np.uint8 and latents.y_levels.shape == latents.y.shape
    (pixels,) = tiny.synthesise(y_hat, *size, Hundredths(50_00))
    assert pixels.dtype == np.uint8 and pixels.shape == (*size, 3)


def test_levels_are_in_the_order_of_the_symbols(tiny: LatentTransform) -> None:
    z = np.random.default_rng(0).integers(-9, 10, (4, 2, 3), np.int32)
    scales = tiny.scales
    features = scales.features(z, 777)
    expected = [scale_levels(scales.in_advance(number, features, 777)) for number in range(len(scales.parts))]
    assert len(np.unique(np.concatenate(expected))) > 5
    walk = ScaleWalk(scales, z, Hundredths(7_77))
    for part, levels in zip(walk.parts(), expected, strict=True):
        assert np.array_equal(walk.levels(), levels)
        walk.add(np.full((part.size, 4, 6), 3, dtype=np.int32))
    symbols, coded = walk.coded()
    assert (symbols == 3).all()
    assert np.array_equal(np.concatenate(expected).reshape(coded.shape), coded)


def test_symbols_are_clamped(tiny: LatentTransform, tiny_config: ModelConfig) -> None:
    with torch.no_grad():
        network_in(tiny).log_gain.table.fill_(30.0)
        network_in(tiny).h_a.head.weight.mul_(1e9)
    latents = tiny.encode(random_pixels(64, 64), Hundredths(0))
    assert np.abs(latents.z).max() == MAX_HYPER_SYMBOL
    assert np.abs(latents.y).max() == MAX_SYMBOL


def test_quality_matters(tiny: LatentTransform) -> None:
    pixels = random_pixels(64, 64)
    symbols = [tiny.encode(pixels, Hundredths(quality)).y for quality in (0, 4999, 5000, 10000)]
    assert not any(
        np.array_equal(*pair) for pair in zip(symbols[:1] + symbols[2:], symbols[2:] + symbols[:1], strict=True)
    )


def test_networks_are_left_without_gradients(tiny: LatentTransform) -> None:
    _, y_hat = coded(tiny, random_pixels(64, 64), Hundredths(50_00))
    tiny.synthesise(y_hat, 64, 64, Hundredths(50_00))
    assert not network_in(tiny).training
    assert all(parameter.grad is None for parameter in network_in(tiny).parameters())


class Counting:
    """A stopwatch that counts."""

    def __init__(self) -> None:
        self.stages: Counter[str] = Counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.stages[name] += 1
        yield


def test_stages_are_told(tiny: LatentTransform) -> None:
    watch = Counting()
    timed = LatentTransform(tiny.engine, tiny.scales, watch)
    _, y_hat = coded(timed, random_pixels(10, 10), Hundredths(1_00))
    assert set(watch.stages) == {"analysis", "hyper", "scales", "context"}
    watch.stages.clear()
    timed.synthesise(y_hat, 10, 10, Hundredths(1_00))
    assert set(watch.stages) == {"synthesis"}


@pytest.mark.parametrize("quality", [0, 5000, 10000])
def test_decoded_latents_make_the_photograph(
    pipeline: ImagePipeline, chelsea: NDArray[np.uint8], quality: Hundredths
) -> None:
    crop = chelsea[50:178, 100:260]
    latents, y_hat = coded(pipeline.transform, crop, quality)
    (decoded,) = pipeline.transform.synthesise(y_hat, 128, 160, quality)
    mse = np.square(decoded.astype(float) - crop).mean()
    assert mse < 300  # 23 dB, and much less at the high qualities
    assert np.abs(latents.z).max() < MAX_HYPER_SYMBOL


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_pictures_stay_flat(pipeline: ImagePipeline, value: int) -> None:
    pixels = np.full((64, 64, 3), value, np.uint8)
    _, y_hat = coded(pipeline.transform, pixels, Hundredths(100_00))
    (decoded,) = pipeline.transform.synthesise(y_hat, 64, 64, Hundredths(100_00))
    assert np.abs(decoded.astype(int) - value).max() <= 6
