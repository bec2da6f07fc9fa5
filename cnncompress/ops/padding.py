"""Padding of images to whole hyper-latent cells, and back."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def padded_size(height: int, width: int, multiple: int) -> tuple[int, int]:
    """Rounds a size up to whole multiples.

    Args:
        height: Rows, at least 1.
        width: Columns, at least 1.
        multiple: Side of a cell, at least 1.

    Returns:
        Height and width, each the smallest multiple that is not below the given one.
    """
    return -(-height // multiple) * multiple, -(-width // multiple) * multiple


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Extends an image at its bottom and right edge by repeating the last row and column.

    Args:
        x: float ``[B, C, H, W]``.
        multiple: Side of a cell, at least 1.

    Returns:
        float ``[B, C, H', W']`` with ``H'`` and ``W'`` whole multiples.
    """
    height, width = x.shape[-2:]
    padded_height, padded_width = padded_size(height, width, multiple)
    return F.pad(x, (0, padded_width - width, 0, padded_height - height), mode="replicate")
