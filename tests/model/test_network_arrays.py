"""Names and shapes of the arrays of the float networks, against the torch modules that are trained."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cnncompress.model.config import ModelConfig
from cnncompress.model.network_arrays import analysis_names, network_shapes, restoration_names, synthesis_names
from cnncompress.nn.network import CodecNetwork


@pytest.mark.parametrize(("blocks_1", "blocks_8", "blocks_16"), [(1, 1, 1), (2, 3, 4), (5, 2, 1)])
def test_names_and_shapes_are_those_of_the_modules(
    tiny_config: ModelConfig, blocks_1: int, blocks_8: int, blocks_16: int
) -> None:
    config = replace(tiny_config, blocks_1=blocks_1, blocks_8=blocks_8, blocks_16=blocks_16)
    with torch.device("meta"):
        state = CodecNetwork(config).state_dict()
    assert network_shapes(config) == {name: tuple(tensor.shape) for name, tensor in state.items()}


def test_layers_stand_where_their_names_say(tiny_config: ModelConfig) -> None:
    config = replace(tiny_config, blocks_1=2, blocks_8=3, blocks_16=4)
    analysis, synthesis, restoration = analysis_names(config), synthesis_names(config), restoration_names(config)
    assert [len(names) for names in (analysis.first_blocks, analysis.last_blocks)] == [3, 4]
    assert [len(names) for names in (synthesis.first_blocks, synthesis.last_blocks)] == [4, 3]
    assert len(restoration.layers) == 2
    shapes = network_shapes(config)
    assert shapes[f"{analysis.resampling}.weight"] == (config.width_16, 4 * config.width_8, 1, 1)
    assert shapes[f"{synthesis.resampling}.weight"] == (4 * config.width_8, config.width_16, 1, 1)
    assert shapes[f"{restoration.head}.weight"] == (3, config.width_1, 3, 3)
