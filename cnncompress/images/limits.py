"""Refuses images that are too large, before anything of their size is allocated."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from cnncompress.amounts import size
from cnncompress.codec.tiles import MAX_TILES, TileGrid
from cnncompress.errors import LimitExceeded, UnsupportedImage

_TIFF_TILE_WIDTH, _TIFF_TILE_LENGTH = 322, 323


PLANES_BYTES = 3
"""A pixel, of the colour planes."""
PICTURE_BYTES = 4
"""A pixel, of an image in Pillow's hands."""


@dataclass(frozen=True)
class Limits:
    """How large an image may be.

    Attributes:
        max_pixels: width times height.
        max_dim: the longer side.
        memory: bytes that are taken for it, see `cnncompress.memory`.
    """

    max_pixels: int
    max_dim: int
    memory: int


def check_size(width: int, height: int, max_pixels: int, max_dim: int) -> None:
    """Checks the size of an image.

    Raises:
        UnsupportedImage: it has no pixels.
        LimitExceeded: it has more than ``max_pixels``, or a side longer than ``max_dim``.
    """
    if width < 1 or height < 1:
        raise UnsupportedImage(f"{width}x{height} pixels: the picture is empty")
    if max(width, height) > max_dim:
        raise LimitExceeded(f"{width}x{height} pixels: a side is longer than {max_dim}")
    if width * height > max_pixels:
        raise LimitExceeded(f"{width}x{height} pixels are more than the limit of {max_pixels}")


def check_memory(needed: int, limit: int) -> None:
    """Checks how many bytes an image takes.

    Raises:
        LimitExceeded: more than the limit.
    """
    if needed > limit:
        raise LimitExceeded(f"takes {size(needed)} of memory, more than the limit of {size(limit)}")


def check_tile_count(grid: TileGrid) -> None:
    """Checks into how many tiles an image is cut.

    Raises:
        LimitExceeded: more than a file can hold.
    """
    if len(grid) > MAX_TILES:
        raise LimitExceeded(
            f"{len(grid)} tiles of {grid.side} pixels are more than the {MAX_TILES} that a file can hold"
        )


def check_tiles(image: Image.Image, max_pixels: int) -> None:
    """Checks the tiles of a TIFF: a small one may declare one huge tile, which is allocated whole.

    Raises:
        LimitExceeded: a tile has more than ``max_pixels`` and more than the image.
    """
    tags = getattr(image, "tag_v2", {})
    width, length = tags.get(_TIFF_TILE_WIDTH), tags.get(_TIFF_TILE_LENGTH)
    if not isinstance(width, int) or not isinstance(length, int):
        return
    if width * length > max(max_pixels, image.width * image.height):
        raise LimitExceeded(f"tiles of {width}x{length} pixels are more than the limit of {max_pixels}")
