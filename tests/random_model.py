"""A model of random numbers, so small that it takes no time, and so wild that every kind of symbol occurs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from random_scales import random_scales

from cnncompress.entropy.tables import TOTAL, ScaleTables
from cnncompress.model.config import SCALE_LEVELS, ModelConfig
from cnncompress.model.weights import save_weights
from cnncompress.nn.network import CodecNetwork
from cnncompress.nn.stored import arrays_of, round_to_stored


def write_random_model(path: Path, *, latent_channels: int = 8, fine_channels: int = 0, seed: int = 5) -> None:
    """Writes a model whose tables are so narrow that every other symbol is an escape.

    Args:
        path: Safetensors file to write.
        latent_channels: Channels M of the latent.
        fine_channels: How many of them are a second band.
        seed: Decides about all numbers.
    """
    config = ModelConfig(
        latent_channels=latent_channels, fine_channels=fine_channels, hyper_channels=4, width_1=4, width_8=4,
        width_16=4, blocks_1=1, blocks_8=1, blocks_16=1, hyper_width=4, hyper_features=4, scale_width=4,
        scale_context_width=4, context_width=4,
        lambdas=(0.001, 0.01, 0.1),
    )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    network = CodecNetwork(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.2, generator=generator)
        round_to_stored(network)
    save_weights(path, config, arrays_of(network), random_scales(config, seed), narrow_tables(2))


def narrow_tables(radius: int) -> ScaleTables:
    """Tables of one radius for all levels, the more even the higher the level."""
    tables = []
    for level in range(SCALE_LEVELS):
        mass = np.exp(-np.abs(np.arange(-radius, radius + 2)) * (40.0 / (1 + level)))
        weights = 1 + np.floor(mass / mass.sum() * (TOTAL - 4096)).astype(np.int64)
        weights[radius] += TOTAL - weights.sum()
        tables.append(weights)
    return ScaleTables(np.full(SCALE_LEVELS, radius, np.int32), np.concatenate(tables).astype(np.int32))
