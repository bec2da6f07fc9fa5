"""How much memory an image takes, estimated from its size before any of it is allocated.

What counts is what grows with the image: its planes, the latents of some rows of tiles, and what the networks need for
one window. Program, model and the file itself come on top. The numbers for the networks are upper estimates of what was
measured with the default model: at the peak 145 bytes a pixel of a window in the transforms of ncnn, 124 in those of
torch, and 106 in the entropy model.
"""

from __future__ import annotations

from cnncompress.bitstream.container import Layout
from cnncompress.codec.tiles import TileGrid
from cnncompress.images.settings import PICTURE_BYTES, PLANES_BYTES
from cnncompress.images.view import View
from cnncompress.model.config import PATCH, STRIP_ROWS, ModelConfig
from cnncompress.model.receptive_field import analysis_margin, restoration_reach, synthesis_reach

# Bytes a pixel.
_ALPHA = 8
_WITHOUT_NETWORK = 16
"""Of lossless planes and originals: the decoder's, Pillow's, and two copies."""
_AVIF = 48
_PIXEL_COPIES = 84
"""Bytes a pixel for a window's float copies."""

_PATCH_PIXELS = PATCH**2
_FLOAT = 4
# At once: feature maps of each kind, and what the entropy model has for an element of the latent, floats mostly.
_MAPS = 4
_ENTROPY_BYTES = 100
# Latents before rounding are kept twice: in coding order, and in their places.
_TARGETS = 2
_REFINING = 3
"""How much more a window takes whose gradient is wanted: some 680 bytes a pixel, as measured."""


def encoding_bytes(grid: TileGrid, config: ModelConfig, *, shared: bool = False, refined: bool = False) -> int:
    """Memory for coding an image that is read already.

    Args:
        grid: Its tiles.
        config: Of the model.
        shared: Whether all its latents are kept, to be coded at several qualities.
        refined: Whether gradients are taken through the networks, and tiles see those beside them.
    """
    pixels = grid.width * grid.height
    latents = pixels if shared else _rows_at_hand(grid) * grid.width if refined else 0
    window = _window_bytes(grid, config, _REFINING if refined else 1)
    return pixels * PLANES_BYTES + latents * _latent_bytes(config) * _TARGETS + window


def decoding_bytes(grid: TileGrid, layout: Layout, view: View, config: ModelConfig) -> int:
    """Memory for decoding an image, up to the picture in Pillow's hands.

    Args:
        grid: Its tiles.
        layout: Its planes.
        view: What is wanted of it.
        config: Of the model.
    """
    area = view.area(grid.width, grid.height)
    wanted = area.width * area.height // view.factor**2 * (PLANES_BYTES + PICTURE_BYTES)
    alpha = grid.width * grid.height * _ALPHA if layout.has_alpha else 0
    latents = _rows_at_hand(grid) * grid.width * _latent_bytes(config)
    return wanted + alpha + latents + _window_bytes(grid, config)


def plain_bytes(pixels: int) -> int:
    """Memory for opening lossless planes, AVIF or a stored original."""
    return pixels * _WITHOUT_NETWORK


def avif_bytes(pixels: int) -> int:
    """Memory for coding an image that is read already as AVIF; 40 bytes a pixel were measured."""
    return pixels * _AVIF


def _rows_at_hand(grid: TileGrid) -> int:
    """Rows of pixels whose latents are at hand at once: three rows of tiles, or more that are as high together."""
    return min(grid.height, max(9 * grid.side // 2, 1024)) if len(grid) > 1 else grid.height


def _latent_bytes(config: ModelConfig) -> int:
    return -(-_FLOAT * config.latent_channels // _PATCH_PIXELS)


def _window_bytes(grid: TileGrid, config: ModelConfig, factor: int = 1) -> int:
    """Bytes for the largest window, a tile with its margins; those a pixel times a factor."""
    margin = max(analysis_margin(config), synthesis_reach(config) * PATCH)
    pixel = factor * max(_transform_bytes(config), _entropy_bytes(config))
    strip_rows = STRIP_ROWS + 2 * restoration_reach(config)
    largest = 0
    for number in {0, grid.columns - 1, len(grid) - grid.columns, len(grid) - 1, grid.columns // 2}:
        outer = grid.window(number, margin).outer
        strip = outer.width * min(outer.height, strip_rows) * _MAPS * _FLOAT * config.width_1
        largest = max(largest, outer.width * outer.height * pixel + strip)
    return largest


def _transform_bytes(config: ModelConfig) -> int:
    maps = config.width_8 / 64 + (config.width_16 + config.latent_channels) / _PATCH_PIXELS
    return _PIXEL_COPIES + round(_MAPS * _FLOAT * maps)


def _entropy_bytes(config: ModelConfig) -> int:
    hidden = config.hyper_width + config.hyper_features + config.context_width + 2 * config.scale_width
    maps = hidden / 4 / _PATCH_PIXELS  # they have a quarter of the latent's positions
    return round(_ENTROPY_BYTES * config.latent_channels / _PATCH_PIXELS + _MAPS * _FLOAT * maps)
