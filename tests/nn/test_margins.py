"""Receptive fields, proved by gradients, windows that give what the whole image gives, and padding by the edge."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from image_windows import window_of
from torch import Tensor, nn

from cnncompress.model.config import ModelConfig
from cnncompress.model.receptive_field import Margin, Margins, analysis_reach, synthesis_reach
from cnncompress.nn.blocks import ResidualBlock, conv3x3
from cnncompress.nn.margins import module_margins, run_window, trimmed
from cnncompress.nn.network import CodecNetwork

POSITION = torch.tensor([0.4], dtype=torch.float64)


def network_of(config: ModelConfig) -> CodecNetwork:
    """Random weights, positive ones in the convolutions, so that no gradient is lost by chance."""
    torch.manual_seed(5)
    network = CodecNetwork(config).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0.0, 0.1).abs_()
    return network


def extent(gradient: Tensor, centre: tuple[range, range]) -> tuple[int, int, int, int]:
    """How far the non-zero part of ``[1, C, H, W]`` goes beyond a place: left, top, right, bottom."""
    seen = gradient[0].abs().sum(0) > 0
    rows, columns = torch.nonzero(seen.any(1)).flatten(), torch.nonzero(seen.any(0)).flatten()
    own_rows, own_columns = centre
    return (
        own_columns.start - int(columns[0]),
        own_rows.start - int(rows[0]),
        int(columns[-1]) - own_columns.stop + 1,
        int(rows[-1]) - own_rows.stop + 1,
    )


@pytest.fixture(params=[(1, 1, 1), (2, 1, 2), (2, 3, 3), (7, 2, 1)], ids=str)
def network(request: pytest.FixtureRequest, tiny_config: ModelConfig) -> CodecNetwork:
    blocks_1, blocks_8, blocks_16 = request.param
    return network_of(
        replace(
            tiny_config,
            latent_channels=4,
            width_1=2,
            width_8=2,
            width_16=2,
            blocks_1=blocks_1,
            blocks_8=blocks_8,
            blocks_16=blocks_16,
        )
    )


def test_reach_of_the_analysis(network: CodecNetwork) -> None:
    x = torch.rand(1, 3, 640, 640, dtype=torch.float64, requires_grad=True)
    y = network.g_a(x, POSITION)
    (gradient,) = torch.autograd.grad(y[0, :, 20, 20].sum(), x)
    assert extent(gradient, (range(320, 336), range(320, 336))) == (network.g_a.reach,) * 4
    assert analysis_reach(network.config) == network.g_a.reach


def test_reach_of_the_synthesis(network: CodecNetwork) -> None:
    y = torch.rand(1, 4, 40, 40, dtype=torch.float64, requires_grad=True)
    x_hat = network.g_s(y, POSITION)
    (gradient,) = torch.autograd.grad(x_hat[0, :, 320:336, 320:336].sum(), y)
    assert extent(gradient, (range(20, 21), range(20, 21))) == (network.g_s.reach,) * 4
    assert synthesis_reach(network.config) == network.g_s.reach


def test_reach_of_the_default_shape() -> None:
    with torch.device("meta"):
        network = CodecNetwork(ModelConfig())
    assert (network.g_a.reach, network.g_s.reach) == (168, 11)


CORES = [(0, 0, 8, 16), (8, 4, 12, 8), (4, 0, 24, 8), (20, 12, 24, 16), (12, 8, 24, 16), (0, 0, 24, 16)]
"""In latent positions of an image of 24x16."""


@pytest.mark.parametrize("core", CORES, ids=str)
@pytest.mark.parametrize("more", [0, 1])
def test_windows_give_what_the_whole_gives(network: CodecNetwork, core: tuple[int, int, int, int], more: int) -> None:
    x = torch.rand(1, 3, 256, 384, dtype=torch.float64)
    left, top, right, bottom = core
    with torch.inference_mode():
        y = network.analyse(x, POSITION)
        margin = -(-network.g_a.reach // 16) * 16 + 16 * more
        margins, place = window_of(tuple(16 * edge for edge in core), margin, (256, 384))  # type: ignore[arg-type]
        own = network.analyse(x[(..., *place)], POSITION, margins)
        torch.testing.assert_close(own, y[..., top:bottom, left:right], rtol=1e-6, atol=1e-6)
        x_hat = network.synthesise(y, POSITION)
        margins, place = window_of(core, network.g_s.reach + more, (16, 24))
        part = network.synthesise(y[(..., *place)], POSITION, margins)
        expected = x_hat[..., 16 * top : 16 * bottom, 16 * left : 16 * right]
        torch.testing.assert_close(part, expected, rtol=1e-6, atol=1e-6)


def test_margins_between_modules() -> None:
    layers = [conv3x3(4, 4), nn.PixelShuffle(2), ResidualBlock(1), nn.PixelUnshuffle(4), conv3x3(16, 1)]
    assert module_margins(layers) == (4, 3, 6, 4, 1, 0)
    assert module_margins(layers, 1)[-2:] == (2, 1)


def test_margins_are_left_where_they_are_wanted() -> None:
    x = torch.zeros(1, 1, 10, 12)
    margins = Margins(Margin(4, False), Margin(4, False), Margin(2, True), Margin(0, True))
    result, left = run_window([conv3x3(1, 1), conv3x3(1, 1)], x, margins, needed=1)
    assert left == (Margin(1, False), Margin(1, False), Margin(1, False), Margin(0, True))
    assert result.shape == (1, 1, 7, 8)
    assert trimmed(result, left).shape == (1, 1, 6, 6)
