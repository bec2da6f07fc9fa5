"""Gray images with more than 8 bits a sample: 16 bits, 32-bit integers, floats."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from cnncompress.errors import UnsupportedImage
from cnncompress.images.source import Plane

Samples: TypeAlias = npt.NDArray[np.float64]

_BYTE, _WORD = 255.0, 65535.0
_TWELVE_BITS = "I;12"
# How far floats may be outside, by calculations before: it is rounded away.
_SLACK = 0.5 / _BYTE

DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")


def reduce_gray(image: Image.Image, file_format: str | None, raw_mode: str) -> tuple[Plane, Plane | None, str]:
    """Reduces samples to 8 bits, rounded.

    Which value is white is told by the mode alone for 16 bits, by the values for the others: 1 or 255 for floats,
    255 or 65535 for 32-bit integers.

    Args:
        image: loaded, in one of :data:`DEEP_MODES`.
        file_format: of the file that it came from; None if it came from none.
        raw_mode: how Pillow named the samples of the file, if it did.

    Returns:
        uint8 [H, W]; alpha uint8 [H, W] if one sample value is declared transparent, else None; what was lost.

    Raises:
        UnsupportedImage: the samples are not within a range whose white is known.
    """
    samples = np.asarray(image)
    lowest, highest = float(samples.min()), float(samples.max())
    white = _white(image.mode, file_format, raw_mode, highest)
    slack = _SLACK * white if image.mode == "F" else 0
    if not (-slack <= lowest and highest <= white + slack):  # nan fails too
        raise UnsupportedImage(f"{_kind(image.mode)} samples from {lowest:g} to {highest:g} with an unknown white")
    gray = np.clip(np.rint(samples * (_BYTE / white)), 0, _BYTE).astype(np.uint8)
    key = image.info.get("transparency")
    alpha = np.where(samples == key, 0, 255).astype(np.uint8) if isinstance(key, int) else None
    return gray, alpha, f"{_kind(image.mode)} samples are reduced to 8 bits, with {white:g} as white"


def _white(mode: str, file_format: str | None, raw_mode: str, highest: float) -> float:
    if mode == "F":
        # Files have 1.0 as white, even if there are brighter samples; Pillow's own conversions make 255 of it.
        return _BYTE if file_format is None and highest > 1 + _SLACK else 1.0
    if mode == "I":
        return _BYTE if file_format != "PPM" and highest <= _BYTE else _WORD
    return 4095.0 if raw_mode == _TWELVE_BITS else _WORD


def _kind(mode: str) -> str:
    return {"F": "float", "I": "32-bit"}.get(mode, "16-bit")
