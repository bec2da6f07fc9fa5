"""Finds pictures with more than 8 bits a sample.

Pillow opens many of them in an 8-bit mode and drops the lower bits without a word; the codec refuses them
instead.
"""

from __future__ import annotations

import re
from typing import IO, Any

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

# Only this much is searched for the codestream header of AVIF and JPEG 2000; they stand near the beginning.
_SEARCHED_BYTES = 1 << 20
_TIFF_BITS_PER_SAMPLE = 258

# AV1CodecConfigurationRecord: marker and version, profile and level, then seq_tier_0 and high_bitdepth.
_AV1C = re.compile(rb"av1C\x81.(.)", re.DOTALL)
_AV1C_HIGH_BITDEPTH = 0x40
# JPEG 2000: SOC, SIZ, 36 bytes of sizes, then the number of components and 3 bytes for each.
_J2K_SIZ = re.compile(rb"\xff\x4f\xff\x51.{36}(..)", re.DOTALL)


def has_deep_samples(image: Image.Image, stream: IO[bytes] | None) -> bool:
    """Tells whether an opened, not yet decoded image has more than 8 bits a sample in its file.

    Args:
        image: as ``Image.open`` returned it.
        stream: its file, for the formats whose bit depth Pillow does not tell; None if there is none.
    """
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2.get(_TIFF_BITS_PER_SAMPLE, 1)
        return any(int(value) > 8 for value in _as_tuple(bits))
    if image.format in ("AVIF", "JPEG2000"):
        return stream is not None and _codestream_is_deep(stream)
    arguments = [_as_tuple(tile[3]) for tile in getattr(image, "tile", ())]
    if image.format == "PPM":  # the last argument of its decoder is the value of white
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
