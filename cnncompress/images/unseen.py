"""Removes what cannot be seen: colours under an alpha of 0, and the chroma of gray images."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cnncompress.bitstream.container import Layout
from cnncompress.images.source import Plane, SourceImage

_EQUAL = {Layout.RGB: Layout.EQUAL_RGB, Layout.RGBA: Layout.EQUAL_RGBA}
_ROWS = 256
_LEVELS = 4

_Levels: TypeAlias = npt.NDArray[np.float32]


def with_gray_layout(image: SourceImage) -> SourceImage:
    """Returns an image of equal colour planes with a layout that is coded as gray; any other image as it is."""
    if image.layout not in _EQUAL:
        return image
    for top in range(0, len(image.colour), _ROWS):
        rows = image.colour[top : top + _ROWS]
        if (rows[..., 0] != rows[..., 1]).any() or (rows[..., 0] != rows[..., 2]).any():
            return image
    return replace(image, layout=_EQUAL[image.layout])


def with_hidden_colours_filled(image: SourceImage) -> SourceImage:
    """Returns an image in which the colours under an alpha of 0 go on smoothly from those that are seen.

    Their size in the file does not depend on what was there, and nothing of it bleeds into what is seen.
    """
    if image.alpha is None or image.alpha.all() or not image.alpha.any():
        return image
    return replace(image, colour=_filled(image.colour, image.alpha))


def _filled(colour: Plane, alpha: Plane) -> Plane:
    """Fills hidden pixels with means over the smallest square around them in which something is seen.

    Gortler et al., The Lumigraph, 1996: pull averages down a pyramid, push them up again where there is nothing. Only
    the levels above 16x16 pixels are held of the whole image, the others of some rows at a time.
    """
    bands = [slice(top, min(top + _ROWS, len(colour))) for top in range(0, len(colour), _ROWS)]
    tops = [_pulled(_weighted(colour[band], alpha[band]), _LEVELS)[-1] for band in bands]
    above = _pulled(np.concatenate(tops), None)
    coarse = _pushed(_mean(above[-1], np.zeros(3, np.float32)), above[:-1])
    filled = np.empty_like(colour)
    side = 1 << _LEVELS
    for band in bands:
        # With a row of squares more on both sides, so that no seam is left between the bands.
        wider = slice(max(band.start - side, 0), min(band.stop + side, len(colour)))
        own = coarse[wider.start // side : -(-wider.stop // side)]
        mean = _pushed(own, _pulled(_weighted(colour[wider], alpha[wider]), _LEVELS)[:-1])
        mean = np.rint(mean[band.start - wider.start :][: band.stop - band.start, : colour.shape[1]]).clip(0, 255)
        filled[band] = np.where(alpha[band][..., None] == 0, mean.astype(np.uint8), colour[band])
    return filled


def _weighted(colour: Plane, alpha: Plane) -> _Levels:
    """Colours times alpha, and alpha: float32 ``[h, w, 4]``, with sides that can be halved `_LEVELS` times."""
    weight = alpha[..., None].astype(np.float32) / 255
    joined = np.concatenate([colour * weight, weight], axis=2).astype(np.float32)
    side = 1 << _LEVELS
    return np.pad(joined, ((0, -len(joined) % side), (0, -joined.shape[1] % side), (0, 0)))


def _pulled(values: _Levels, levels: int | None) -> list[_Levels]:
    """Sums over squares of 1, 2, 4 ... pixels; without a number of levels up to a single one."""
    pyramid = [values]
    while len(pyramid) <= levels if levels is not None else max(pyramid[-1].shape[:2]) > 1:
        last = pyramid[-1]
        last = np.pad(last, ((0, last.shape[0] % 2), (0, last.shape[1] % 2), (0, 0)))
        pyramid.append(last[::2, ::2] + last[1::2, ::2] + last[::2, 1::2] + last[1::2, 1::2])
    return pyramid


def _pushed(mean: _Levels, pyramid: list[_Levels]) -> _Levels:
    """Refines means level by level: its own where something is seen, else what the level above has."""
    for values in reversed(pyramid):
        mean = _mean(values, _doubled(mean)[: values.shape[0], : values.shape[1]])
    return mean


def _mean(values: _Levels, otherwise: _Levels) -> _Levels:
    weight = values[..., 3:]
    return np.where(weight > 0, values[..., :3] / np.maximum(weight, 1e-6), otherwise).astype(np.float32)


def _doubled(values: _Levels) -> _Levels:
    """Doubles the sides, with pixels interpolated between those that are there."""
    for axis in (0, 1):
        count = values.shape[axis]
        before = np.take(values, np.maximum(np.arange(count) - 1, 0), axis)
        after = np.take(values, np.minimum(np.arange(count) + 1, count - 1), axis)
        pairs = np.stack([0.75 * values + 0.25 * before, 0.75 * values + 0.25 * after], axis + 1, dtype=np.float32)
        shape = list(values.shape)
        shape[axis] *= 2
        values = pairs.reshape(shape)
    return values
