"""Counts of parameters and multiply-accumulates, against a count by hand."""

from __future__ import annotations

import pytest
from random_scales import random_scales

from cnncompress.entropy.parts import coding_parts
from cnncompress.model.config import PATCH, ModelConfig
from cnncompress.model.weights import Weights
from cnncompress.nn.network import CodecNetwork
from cnncompress.nn.stored import network_of
from cnncompress.training.complexity import measure_complexity


def macs_by_hand(c: ModelConfig) -> tuple[float, float]:
    """Multiply-accumulates per pixel of encoding and decoding, from the diagrams in the docstrings."""
    block_8, block_16 = 2 * 9 * c.width_8**2, 2 * 9 * c.width_16**2
    klt = 3 * PATCH**2 * c.latent_channels / 16**2
    body = c.blocks_8 * block_8 / 8**2 + (c.blocks_16 * block_16 + 4 * c.width_8 * c.width_16) / 16**2
    ends = 9 * 192 * c.width_8 / 8**2 + 9 * c.width_16 * c.latent_channels / 16**2
    transform = klt + body + ends
    restoration = 9 * (3 + c.blocks_1 * c.width_1 + 3) * c.width_1
    hyper_analysis = (4 * c.latent_channels * c.hyper_width + 9 * c.hyper_width**2) / 32**2
    hyper_analysis += 4 * c.hyper_width * c.hyper_channels / 64**2
    hyper_synthesis = (9 * c.hyper_channels * c.hyper_width + c.hyper_width * 4 * c.hyper_features) / 64**2
    hyper_synthesis += 16 * c.hyper_features / 32**2  # quantisation steps
    scales = (9 * c.hyper_channels * c.scale_width + 4 * c.scale_width**2) / 64**2
    scales += (9 * c.scale_width**2 + 4 * c.latent_channels * c.scale_width) / 32**2
    context = sum(
        (c.hyper_features + step * c.latent_channels) * c.context_width
        + 10 * c.context_width**2
        + c.context_width * c.latent_channels
        for step in range(4)
    )
    inner = c.scale_context_width
    scale_context = sum((part.in_latent.stop + 9 * inner + part.size) * inner for part in coding_parts(c.bands)[1:])
    entropy = hyper_synthesis + scales + (context + scale_context) / 32**2
    return transform + hyper_analysis + entropy, transform + restoration + entropy


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(latent_channels=8, hyper_channels=4, width_8=8, width_16=12, hyper_width=8, context_width=16),
        ModelConfig(
            latent_channels=16, width_1=8, blocks_1=3, width_8=8, blocks_8=2, width_16=8, blocks_16=1, scale_width=8
        ),
    ],
)
def test_counts_agree_with_the_diagrams(config: ModelConfig) -> None:
    network, scales = CodecNetwork(config), random_scales(config, seed=0)
    complexity = measure_complexity(network, scales)
    encode, decode = macs_by_hand(config)
    assert complexity.encode_kmac_per_pixel == pytest.approx(encode / 1000)
    assert complexity.decode_kmac_per_pixel == pytest.approx(decode / 1000)
    stored = [p.numel() for p in network.parameters()] + [tensor.size for tensor in scales.tensors.values()]
    assert complexity.parameters == sum(stored)


def test_shipped_model_is_within_its_size(weights: Weights) -> None:
    """A model for CPUs: not more than 40 thousand multiply-accumulates per pixel either way."""
    encode, decode = macs_by_hand(weights.config)
    assert encode < 40_000 and decode < 40_000
    complexity = measure_complexity(network_of(weights), weights.scales)
    assert complexity.encode_kmac_per_pixel == pytest.approx(encode / 1000)
    assert complexity.decode_kmac_per_pixel == pytest.approx(decode / 1000)
