"""Models of random numbers for the tests of the engines, and comparisons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from random_scales import random_scales

from cnncompress.engines.interface import Latent
from cnncompress.engines.ncnn.engine import NcnnEngine
from cnncompress.engines.torch import TorchEngine
from cnncompress.entropy.tables import MAX_RADIUS, build_tables
from cnncompress.model.config import SCALE_LEVELS, ModelConfig
from cnncompress.model.network_arrays import network_shapes
from cnncompress.model.weights import Weights
from cnncompress.nn.stored import network_of

LAMBDAS = (0.001, 0.01, 0.1)

# One whose channels fill the registers of every processor, one whose channels fill none, and one between.
CONFIGS = {
    "even": ModelConfig(
        latent_channels=32, fine_channels=16, hyper_channels=16, width_1=16, width_8=32, width_16=48, blocks_1=2,
        blocks_8=1, blocks_16=2, hyper_width=32, hyper_features=16, scale_width=8, context_width=32, lambdas=LAMBDAS,
    ),
    "odd": ModelConfig(
        latent_channels=12, fine_channels=4, hyper_channels=5, width_1=3, width_8=7, width_16=9, blocks_1=1,
        blocks_8=2, blocks_16=1, hyper_width=5, hyper_features=3, scale_width=8, context_width=11, lambdas=LAMBDAS,
    ),
    "mixed": ModelConfig(
        latent_channels=20, fine_channels=0, hyper_channels=8, width_1=8, width_8=12, width_16=20, blocks_1=7,
        blocks_8=1, blocks_16=1, hyper_width=24, hyper_features=40, scale_width=8, context_width=4, lambdas=LAMBDAS,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Engines for one model: torch's is the reference."""

    arrays: dict[str, NDArray[Any]]
    ncnn: NcnnEngine
    torch: TorchEngine

    @property
    def config(self) -> ModelConfig:
        return self.ncnn.config


def random_case(name: str) -> Case:
    """A model whose latents are of several steps, and whose images are neither black nor white."""
    config = CONFIGS[name]
    arrays = random_arrays(config, seed=3)
    tables = build_tables(np.zeros((SCALE_LEVELS, 2 * MAX_RADIUS + 1), dtype=np.int64))
    return case_of(Weights("random", b"", config, arrays, random_scales(config, seed=0), tables))


def case_of(weights: Weights) -> Case:
    """Both engines for a model."""
    return Case(
        weights.network,
        NcnnEngine(weights.config, weights.network, threads=2),
        TorchEngine(network_of(weights), torch.device("cpu")),
    )


def random_arrays(config: ModelConfig, seed: int) -> dict[str, NDArray[Any]]:
    """Arrays of the float networks, weights of convolutions in float16 as they are stored."""
    generator = np.random.default_rng(seed)
    arrays: dict[str, NDArray[Any]] = {}
    for key, shape in network_shapes(config).items():
        numbers = generator.standard_normal(shape)
        if key.endswith(".weight"):
            arrays[key] = (0.7 / math.sqrt(math.prod(shape[1:])) * numbers).astype(np.float16)
        elif key.endswith("klt_std"):
            arrays[key] = (0.5 + np.abs(numbers)).astype(np.float32)
        elif key.endswith("klt"):
            arrays[key] = (numbers / math.sqrt(768)).astype(np.float32)
        else:
            arrays[key] = (0.2 * numbers).astype(np.float32)
    arrays["log_gain.table"] += np.linspace(1.0, 4.0, config.anchors, dtype=np.float32)[:, None]
    arrays["log_inverse_gain.table"] -= np.linspace(1.0, 4.0, config.anchors, dtype=np.float32)[:, None]
    return arrays


def random_pixels(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """A batch of one image of noise on a gradient, uint8 ``[1, H, W, 3]``."""
    generator = np.random.default_rng(seed)
    ramp = np.linspace(20, 200, width)[None, :, None] + np.linspace(0, 30, height)[:, None, None]
    return (ramp + generator.integers(0, 25, (height, width, 3))).astype(np.uint8)[None]


def random_latent(config: ModelConfig, height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """A batch of one decoded latent of several steps."""
    generator = np.random.default_rng(seed)
    return generator.normal(0, 4, (1, config.latent_channels, height, width)).astype(np.float32)


def random_hyper_symbols(config: ModelConfig, height: int, width: int, seed: int = 0) -> NDArray[np.int32]:
    """A batch of one decoded hyper-latent."""
    generator = np.random.default_rng(seed)
    return generator.normal(0, 3, (1, config.hyper_channels, height, width)).round().astype(np.int32)


def tensor(case: Case, array: NDArray[Any]) -> Any:
    """As an array of torch's engine."""
    return case.torch.zeros(1, 1, 1).new_tensor(array)


def numbers(latent: Latent) -> NDArray[np.float32]:
    """As a NumPy array, whatever engine it is of."""
    return np.asarray(latent.cpu() if hasattr(latent, "cpu") else latent)


def close(found: NDArray[Any], expected: NDArray[Any], tolerance: float = 1e-5) -> bool:
    """Whether numbers differ by no more than rounding errors, as shares of the largest of them."""
    return found.shape == expected.shape and bool(np.abs(found - expected).max() <= tolerance * np.abs(expected).max())


def same_pixels(found: NDArray[np.uint8], expected: NDArray[np.uint8], share: float = 0.01) -> bool:
    """Whether pixels differ by 1 at most, and few of them at all."""
    difference = np.abs(found.astype(int) - expected)
    return found.shape == expected.shape and difference.max() <= 1 and bool((difference > 0).mean() <= share)
