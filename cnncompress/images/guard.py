"""Opens files with Pillow on our terms: chosen formats, our errors, our limits."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterator
from typing import IO

from PIL import Image

from cnncompress.errors import ImageError, LimitExceeded, UnreadableImage
from cnncompress.files import reason

# Formats that are known by their first bytes and decoded in this process. Left out: those that run another
# program (EPS), those without a signature (TGA), and containers of icons, layers or documents.
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

# Pillow's limit is a global of its module; two threads must not lift and restore it at once.
_limit_lock = threading.Lock()


@contextlib.contextmanager
def open_stream(source: bytes | str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Opens a path or bytes for binary reading.

    Raises:
        TypeError: it is neither.
        UnreadableImage: the path cannot be opened.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield io.BytesIO(source)
        return
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            f"an image is given as {type(source).__name__}, expected a path, bytes, a Pillow image or a uint8 array"
        )
    try:
        stream = open(source, "rb")  # noqa: SIM115 - closed below; only the opening is to be translated
    except (OSError, ValueError) as error:
        raise UnreadableImage(reason(error)) from error
    with stream:
        yield stream


@contextlib.contextmanager
def decoder_errors(message: str) -> Iterator[None]:
    """Turns whatever a decoder raises on foreign bytes into :class:`UnreadableImage`."""
    try:
        yield
    except (MemoryError, ImageError, LimitExceeded):
        raise
    # Pillow's decoders raise nearly every built-in exception on damaged files; there is no list of them.
    except Exception as error:
        raise UnreadableImage(message) from error


@contextlib.contextmanager
def limit_lifted() -> Iterator[None]:
    """Switches Pillow's pixel limit off, with its warning: the caller checks a limit of its own."""
    with _limit_lock:
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


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
