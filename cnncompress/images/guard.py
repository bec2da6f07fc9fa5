"""Opens files with Pillow safely: with chosen formats only, and with this package's errors and limits."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import IO

from PIL import Image

from cnncompress.errors import ImageError, LimitExceeded, UnreadableImage
from cnncompress.files.inputs import from_beginning, is_file_object
from cnncompress.files.kinds import reason
from cnncompress.images.limits import Limits
from cnncompress.images.settings import PICTURE_BYTES, PLANES_BYTES

# Formats that have a signature and are decoded in this process. Excluded: formats that run another program (EPS),
# formats without a signature (TGA), and containers of icons, layers or documents.
INPUT_FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
    "AVIF",
    "JPEG2000",
    "TIFF",
    "PPM",
    "BMP",
    "DIB",
    "GIF",
    "QOI",
    "SGI",
    "SUN",
)

_TIFF_TILE_WIDTH, _TIFF_TILE_LENGTH = 322, 323


@contextlib.contextmanager
def open_stream(source: bytes | str | os.PathLike[str] | IO[bytes]) -> Iterator[IO[bytes]]:
    """Provides a file for the body as a binary stream at its beginning, which can seek.

    Args:
        source: The path of a file, its bytes, or a binary stream, which is not closed.

    Raises:
        TypeError: The source is of another type.
        UnreadableImage: The path cannot be opened.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield io.BytesIO(source)
        return
    if is_file_object(source):
        yield from_beginning(source)
        return
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            f"an image is given as {type(source).__name__}, "
            "expected a path, bytes, a binary stream, a Pillow image or a uint8 array"
        )
    try:
        stream = open(source, "rb")  # noqa: SIM115 - closed below; only errors of opening are translated
    except (OSError, ValueError) as error:
        raise UnreadableImage(reason(error)) from error
    with stream:
        yield from_beginning(stream)


@contextlib.contextmanager
def decoder_errors(message: str) -> Iterator[None]:
    """Turns any exception that a decoder raises in the body into `UnreadableImage`.

    Args:
        message: Message of that error.

    Raises:
        UnreadableImage: The decoder failed. `ImageError`, `LimitExceeded` and `MemoryError` pass unchanged.
    """
    try:
        yield
    except (MemoryError, ImageError, LimitExceeded):
        raise
    # Pillow's decoders raise almost every built-in exception on damaged files, and do not document which.
    except Exception as error:
        raise UnreadableImage(message) from error


def check_limits(image: Image.Image, limits: Limits) -> None:
    """Checks that an image is not too large to be decoded.

    Args:
        image: An opened image of any format.
        limits: How large it may be.

    Raises:
        UnsupportedImage: The image has no pixels.
        LimitExceeded: The image is too large, or a tile of a TIFF has more than ``max_pixels`` pixels and more than the
            image.
    """
    pixels = image.width * image.height
    limits.check_size(image.width, image.height)
    limits.check_memory(pixels * (PICTURE_BYTES + PLANES_BYTES))
    # A small TIFF image may declare one huge tile, which is allocated whole.
    tags = getattr(image, "tag_v2", {})
    width, length = tags.get(_TIFF_TILE_WIDTH), tags.get(_TIFF_TILE_LENGTH)
    if isinstance(width, int) and isinstance(length, int) and width * length > max(limits.max_pixels, pixels):
        raise LimitExceeded(f"tiles of {width}x{length} pixels are more than the limit of {limits.max_pixels}")
