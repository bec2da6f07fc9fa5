"""Repairs files that Pillow would refuse or misread although all of their pixels are there."""

from __future__ import annotations

import hashlib
import io
from typing import IO

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from cnncompress.errors import UnreadableImage
from cnncompress.images.fields.file_bytes import FileBytes
from cnncompress.images.fields.findings import Fields
from cnncompress.images.fields.jpeg import NO_END
from cnncompress.images.fields.jpeg2000 import codestream, with_another_bit
from cnncompress.images.formats import SNIFFED_BYTES, sniff
from cnncompress.images.guard import check_limits, decoder_errors
from cnncompress.images.limits import Limits
from cnncompress.images.pillow_limit import limit_lifted

_END_OF_JPEG = b"\xff\xd9"
# If decoding changes when these bytes are appended, some pixels were still missing.
_FILLER = bytes(range(1, 255)) * 8
_TIFF_BITS, _TIFF_COMPRESSION, _TIFF_PHOTOMETRIC, _TIFF_PLANAR = 258, 259, 262, 284
_UNCOMPRESSED, _SEPARATE, _WHITE_IS_ZERO = 1, 2, 0


def mended(stream: IO[bytes], fields: Fields, limits: Limits) -> IO[bytes]:
    """Returns a file that Pillow can read.

    Args:
        stream: The file, at its beginning.
        fields: What its fields say.
        limits: How large the image may be.

    Returns:
        The stream itself if nothing is to be mended.

    Raises:
        UnreadableImage: The end of a JPEG is missing, and pixels with it.
    """
    if fields.mended is not None:
        return io.BytesIO(fields.mended)
    if NO_END not in fields.damage:
        return stream
    kind = sniff(stream.read(SNIFFED_BYTES))
    stream.seek(0)
    if kind != "jpg":
        return stream
    data = stream.read()
    if _pixels(data + _END_OF_JPEG, limits) != _pixels(data + _FILLER + _END_OF_JPEG, limits):
        raise UnreadableImage("the image is damaged or truncated")
    return io.BytesIO(data + _END_OF_JPEG)


def _pixels(data: bytes, limits: Limits) -> bytes:
    with decoder_errors("the image is damaged or truncated"):
        with limit_lifted():
            image = Image.open(io.BytesIO(data), formats=["JPEG"])
        check_limits(image, limits)
        return hashlib.sha256(image.tobytes()).digest()


def has_white_zero(image: Image.Image) -> bool:
    """Whether 0 is white in the samples of a TIFF, which Pillow ignores for more than 8 bits."""
    return isinstance(image, TiffImageFile) and image.tag_v2.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO


def set_deep_planes(image: Image.Image) -> None:
    """Makes Pillow read uncompressed planes of 16 bits correctly; it would take each byte for a sample.

    Args:
        image: An opened image of any format that is not loaded yet.
    """
    if not isinstance(image, TiffImageFile):
        return
    tags = image.tag_v2
    bits = tags.get(_TIFF_BITS, (1,))
    deep = isinstance(bits, tuple) and set(bits) == {16}
    if tags.get(_TIFF_PLANAR) != _SEPARATE or tags.get(_TIFF_COMPRESSION, 1) != _UNCOMPRESSED or not deep:
        return
    order = "L" if image.tag_v2.prefix == b"II" else "B"
    image.tile = [
        tile._replace(args=(f"{tile.args[0]};16{order}", *tile.args[1:]))
        for tile in image.tile
        if isinstance(tile.args, tuple)
    ]


def restore_white(image: Image.Image, stream: IO[bytes]) -> Image.Image:
    """Returns a loaded JPEG 2000 image of more than 8 bits with its white, which Pillow lets overflow to black.

    The file is decoded once more, with a bit more declared for each sample: there white is at three quarters of the
    range, and black at one quarter.

    Args:
        image: The loaded image.
        stream: Its file.

    Returns:
        The image itself if nothing can have overflown.
    """
    if image.format != "JPEG2000" or image.mode.startswith("I"):
        return image
    data = FileBytes(stream)
    found = codestream(data)
    if found is None or not found.wraps or not found.reversible:
        return image
    with limit_lifted():
        again = Image.open(io.BytesIO(with_another_bit(data, found)), formats=["JPEG2000"])
    samples, wide = np.array(image), np.asarray(again)
    samples[(samples == 0) & (wide >= 128)] = 255
    restored = Image.fromarray(samples, image.mode) if image.mode == "CMYK" else Image.fromarray(samples)
    restored.info = image.info
    return restored
