"""Images with more than 8 bits per sample.

Gray images of 16 bits, 32-bit integers or floats are reduced to 8 bits here. Pillow opens many of the others in an
8-bit mode and drops the lower bits silently; `has_deep_samples` finds them, so that the loss is reported.
"""

from __future__ import annotations

import re
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from cnncompress.errors import UnsupportedImage
from cnncompress.images.source import Plane

Samples: TypeAlias = npt.NDArray[np.float64]

_BYTE, _WORD = 255.0, 65535.0
_TWELVE_BITS = "I;12"
# Floats may leave their range by this much, because of earlier rounding errors; clipping removes it.
_SLACK = 0.5 / _BYTE

DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")

# The codestream headers of AVIF and JPEG 2000 are near the beginning; only this much of the file is searched.
_SEARCHED_BYTES = 1 << 20
_TIFF_BITS_PER_SAMPLE = 258

# AV1CodecConfigurationRecord: marker and version, profile and level, then seq_tier_0 and high_bitdepth.
_AV1C = re.compile(rb"av1C\x81.(.)", re.DOTALL)
_AV1C_HIGH_BITDEPTH = 0x40
# JPEG 2000: SOC, SIZ, 36 bytes of sizes, then the number of components and 3 bytes for each.
_J2K_SIZ = re.compile(rb"\xff\x4f\xff\x51.{36}(..)", re.DOTALL)


def reduce_gray(image: Image.Image, file_format: str | None, raw_mode: str) -> tuple[Plane, Plane | None, str]:
    """Reduces samples to 8 bits, rounded.

    The value of white follows from the mode for 16 bits. For the others it follows from the samples: 1 or 255 for
    floats, 255 or 65535 for 32-bit integers.

    Args:
        image: A loaded image in one of `DEEP_MODES`.
        file_format: Pillow's name of the file's format; None for an image that was not read from a file.
        raw_mode: Pillow's name of the sample layout in the file; empty if unknown.

    Returns:
        Gray plane, uint8 ``[H, W]``; alpha plane, uint8 ``[H, W]``, if one sample value is declared transparent, else
        None; and a description of the loss.

    Raises:
        UnsupportedImage: The samples are outside every range whose white is known.
    """
    samples = np.asarray(image)
    lowest, highest = float(samples.min()), float(samples.max())
    white = _white(image.mode, file_format, raw_mode, highest)
    slack = _SLACK * white if image.mode == "F" else 0
    if not (-slack <= lowest and highest <= white + slack):  # nan fails too
        raise UnsupportedImage(f"{_kind(image.mode)} samples from {lowest:g} to {highest:g}: no known value of white")
    gray = np.clip(np.rint(samples * (_BYTE / white)), 0, _BYTE).astype(np.uint8)
    key = image.info.get("transparency")
    alpha = np.where(samples == key, 0, 255).astype(np.uint8) if isinstance(key, int) else None
    return gray, alpha, f"{_kind(image.mode)} samples are reduced to 8 bits, with {white:g} as white"


def _white(mode: str, file_format: str | None, raw_mode: str, highest: float) -> float:
    if mode == "F":
        # In files 1.0 is white, even if some samples are brighter. Pillow's own conversions use 255.
        return _BYTE if file_format is None and highest > 1 + _SLACK else 1.0
    if mode == "I":
        return _BYTE if file_format != "PPM" and highest <= _BYTE else _WORD
    return 4095.0 if raw_mode == _TWELVE_BITS else _WORD


def _kind(mode: str) -> str:
    return {"F": "float", "I": "32-bit"}.get(mode, "16-bit")


def has_deep_samples(image: Image.Image, stream: IO[bytes] | None) -> bool:
    """Checks whether the file of an opened, not yet decoded image has more than 8 bits per sample.

    Args:
        image: An image as returned by ``Image.open``.
        stream: The image's file, for formats whose bit depth Pillow does not report; None if there is no file.
    """
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2.get(_TIFF_BITS_PER_SAMPLE, 1)
        return any(int(value) > 8 for value in _as_tuple(bits))
    if image.format in ("AVIF", "JPEG2000"):
        return stream is not None and _codestream_is_deep(stream)
    arguments = [_as_tuple(tile[3]) for tile in getattr(image, "tile", ())]
    if image.format == "PPM":  # the last argument of Pillow's decoder is the value of white
        return any(isinstance(last, int) and last > 255 for *_, last in arguments)
    # Raw modes such as "RGB;16B" are unpacked to 8 bits; "BGR;16" is 5 + 6 + 5 bits and loses nothing.
    return any(isinstance(raw, str) and ";16" in raw and raw != "BGR;16" for raw, *_ in arguments)


def _codestream_is_deep(stream: IO[bytes]) -> bool:
    position = stream.tell()
    stream.seek(0)
    head = stream.read(_SEARCHED_BYTES)
    stream.seek(position)
    if any(match[1][0] & _AV1C_HIGH_BITDEPTH for match in _AV1C.finditer(head)):
        return True
    siz = _J2K_SIZ.search(head)
    if siz is None:
        return False
    components = int.from_bytes(siz[1], "big")
    depths = head[siz.end() : siz.end() + 3 * components : 3]
    return any((depth & 0x7F) + 1 > 8 for depth in depths)


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
