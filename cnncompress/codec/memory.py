"""How much memory an image takes, estimated from its size before any of it is allocated.

The estimate counts what grows with the image: its planes, the latents of some rows of tiles, and the networks' memory
for one window. The program, the model and the file itself are not included. The numbers for the networks are upper
bounds of measurements with the default model: at most 145 bytes per pixel of a window in the transforms of ncnn, 124 in
those of torch, and 106 in the entropy model.
"""

from __future__ import annotations

from cnncompress.bitstream.container import Layout
from cnncompress.codec.tiles import TileGrid
from cnncompress.images.settings import PICTURE_BYTES, PLANES_BYTES
from cnncompress.images.view import View
from cnncompress.model.config import PATCH, STRIP_ROWS, ModelConfig
from cnncompress.model.receptive_field import analysis_margin, restoration_reach, synthesis_reach

# Bytes per pixel.
_ALPHA = 8
_WITHOUT_NETWORK = 16
"""For lossless planes and originals: the decoder's memory, Pillow's, and two copies."""
_AVIF = 48
_PIXEL_COPIES = 84
"""Bytes per pixel for the float copies of a window."""

_PATCH_PIXELS = PATCH**2
_FLOAT = 4
# At the same time: feature maps of each kind, and values of the entropy model per element of the latent, mostly floats.
_MAPS = 4
_ENTROPY_BYTES = 100
# Latents before rounding are kept twice: in coding order, and as a map.
_TARGETS = 2
_REFINING = 3
"""Factor for a window with a gradient; measured: about 680 bytes per pixel."""


def encoding_bytes(grid: TileGrid, config: ModelConfig, *, shared: bool = False, refined: bool = False) -> int:
    """Returns the memory for encoding an image that is already in memory, in bytes.

    Args:
        grid: Tiles of the image.
        config: Shape of the model.
        shared: Whether all latents are kept, for encoding at several qualities.
        refined: Whether the tiles are refined, with gradients and the surroundings of each tile.
    """
    pixels = grid.width * grid.height
    latents = pixels if shared else _rows_at_hand(grid) * grid.width if refined else 0
    window = _window_bytes(grid, config, _REFINING if refined else 1)
    return pixels * PLANES_BYTES + latents * _latent_bytes(config) * _TARGETS + window


def decoding_bytes(grid: TileGrid, layout: Layout, view: View, config: ModelConfig) -> int:
    """Returns the memory for decoding an image to a Pillow image, in bytes.

    Args:
        grid: Tiles of the image.
        layout: Layout of the image.
        view: Region and scale to decode.
        config: Shape of the model.
    """
    area = view.area(grid.width, grid.height)
    wanted = area.width * area.height // view.factor**2 * (PLANES_BYTES + PICTURE_BYTES)
    alpha = grid.width * grid.height * _ALPHA if layout.has_alpha else 0
    latents = _rows_at_hand(grid) * grid.width * _latent_bytes(config)
    return wanted + alpha + latents + _window_bytes(grid, config)


def plain_bytes(pixels: int) -> int:
    """Returns the memory for decoding lossless planes, AVIF or a stored original, in bytes."""
    return pixels * _WITHOUT_NETWORK


def avif_bytes(pixels: int) -> int:
    """Returns the memory for encoding an image in memory as AVIF, in bytes; measured: 40 bytes per pixel."""
    return pixels * _AVIF


def _rows_at_hand(grid: TileGrid) -> int:
    """Rows of pixels whose latents are in memory at the same time: three rows of tiles, or more if they are low."""
    return min(grid.height, max(9 * grid.side // 2, 1024)) if len(grid) > 1 else grid.height


def _latent_bytes(config: ModelConfig) -> int:
    return -(-_FLOAT * config.latent_channels // _PATCH_PIXELS)


def _window_bytes(grid: TileGrid, config: ModelConfig, factor: int = 1) -> int:
    """Bytes for the largest window, a tile with its margins; the bytes per pixel are multiplied by a factor."""
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
    maps = hidden / 4 / _PATCH_PIXELS  # maps have a quarter of the latent's positions
    return round(_ENTROPY_BYTES * config.latent_channels / _PATCH_PIXELS + _MAPS * _FLOAT * maps)
