"""Weights files of random networks, and changed ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from random_scales import random_scales
from torch import Tensor

from cnncompress.entropy.scales import IntegerScales
from cnncompress.entropy.tables import MAX_RADIUS, build_tables
from cnncompress.model.config import SCALE_LEVELS, ModelConfig
from cnncompress.model.weights import save_weights
from cnncompress.nn.network import CodecNetwork
from cnncompress.nn.stored import arrays_of, round_to_stored

Tensors = dict[str, Tensor]
TABLES = build_tables(np.zeros((SCALE_LEVELS, 2 * MAX_RADIUS + 1), dtype=np.int64))


def parts(config: ModelConfig) -> tuple[CodecNetwork, IntegerScales]:
    """A network and integer scales, always the same."""
    torch.manual_seed(0)
    network = CodecNetwork(config)
    round_to_stored(network)
    return network, random_scales(config, seed=0)


def save(path: Path, config: ModelConfig) -> str:
    """Writes them; returns the SHA-256 of the file."""
    network, scales = parts(config)
    return save_weights(path, config, arrays_of(network), scales, TABLES)


def rewrite(path: Path, change: Callable[[Tensors, dict[str, str]], object]) -> None:
    """Changes the tensors and metadata of a file."""
    data = path.read_bytes()
    tensors = safetensors.torch.load(data)
    metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    change(tensors, metadata)
    path.write_bytes(safetensors.torch.save(tensors, metadata or None))
