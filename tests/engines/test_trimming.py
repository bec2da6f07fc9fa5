"""What is cut off windows behind each layer, against torch's way through the same layers."""

from __future__ import annotations

import pytest
import torch

from cnncompress.engines.ncnn.graph import Graph
from cnncompress.engines.ncnn.windows import Region, Trimming
from cnncompress.model.config import ModelConfig
from cnncompress.model.receptive_field import Margin, Margins, analysis_layers, needed_margins, synthesis_layers
from cnncompress.nn.margins import run_window
from cnncompress.nn.network import CodecNetwork


@pytest.mark.parametrize("left", [Margin(0), Margin(176), Margin(16), Margin(176, False), Margin(208, False)])
@pytest.mark.parametrize("bottom", [Margin(0), Margin(48), Margin(176, False)])
def test_sizes_of_the_analysis(left: Margin, bottom: Margin) -> None:
    config = ModelConfig(latent_channels=4, width_8=2, width_16=2, hyper_width=4)
    with torch.device("meta"):
        transform = CodecNetwork(config).g_a
    margins = Margins(left=left, bottom=bottom)
    x = torch.empty(1, 3, 64 + bottom.extent, 64 + left.extent, device="meta")
    result, kept = run_window([*transform.stem, *transform.body], x, margins)
    trim = Trimming(Graph(), analysis_layers(config)).plan(x.shape[2], x.shape[3], margins)
    assert (trim.regions[-1].height, trim.regions[-1].width) == result.shape[2:] == (4, 4)
    assert trim.margins == kept


@pytest.mark.parametrize("top", [Margin(0), Margin(3), Margin(11), Margin(11, False), Margin(12, False)])
@pytest.mark.parametrize("right", [Margin(0), Margin(11, False)])
def test_sizes_of_the_synthesis(top: Margin, right: Margin) -> None:
    """Up to the last layer, where the window is on the grid of blocks of 8x8 pixels."""
    config = ModelConfig(latent_channels=4, width_8=2, width_16=2, hyper_width=4)
    with torch.device("meta"):
        transform = CodecNetwork(config).g_s
    margins = Margins(top=top, right=right)
    y = torch.empty(1, 4, 4 + top.extent, 4 + right.extent, device="meta")
    result, kept = run_window([transform.stem, *list(transform.body)[:-1]], y, margins, 1)
    trim = Trimming(Graph(), synthesis_layers(config)[:-1]).plan(y.shape[2], y.shape[3], margins, 1)
    assert (trim.regions[-1].height, trim.regions[-1].width) == result.shape[2:]
    assert trim.margins == kept
    assert needed_margins(synthesis_layers(config)[:-1], 1)[0] == 11


def test_regions() -> None:
    margins = Margins(Margin(3, False), Margin(2), Margin(1, False), Margin(0))
    region = Region.within(10, 20, margins.cut_to(Margins()))
    assert region == Region(left=3, top=2, height=8, width=16)
