"""Lossy coding of colour planes as AVIF, for screenshots and other graphics, which suit learned transforms less well.

Of libaom's settings at speed 6, ``tune=ssim`` needs the fewest bytes for screenshots at equal PSNR: 8.5 % fewer than
the default of libavif, and 1.6 % fewer than ``tune=psnr``. It runs in one thread, because the output of libaom depends
on whether there are several.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnncompress.bitstream.container import Layout
from cnncompress.errors import Corrupt, ImageError, LimitExceeded
from cnncompress.images.guard import decoder_errors
from cnncompress.images.pillow_limit import limit_lifted
from cnncompress.images.source import Plane, gray_as_rgb
from cnncompress.images.write import shown_colours

MAX_AVIF_SIDE = 32768
"""Longest side in pixels that libavif decodes by default."""

MAX_AVIF_PIXELS = 1 << 28
"""The most pixels that libavif decodes by default."""

_SPEED = 6


def is_avif_size(width: int, height: int) -> bool:
    """Whether an image can be coded as AVIF, and be decoded again."""
    return max(width, height) <= MAX_AVIF_SIDE and width * height <= MAX_AVIF_PIXELS


def check_avif_size(width: int, height: int) -> None:
    """Checks that an image can be coded as AVIF.

    Raises:
        LimitExceeded: It is too large.
    """
    if not is_avif_size(width, height):
        raise LimitExceeded(
            f"{width}x{height} pixels: AVIF has at most {MAX_AVIF_SIDE} a side and {MAX_AVIF_PIXELS} in all"
        )


def encode_avif(colour: Plane, layout: Layout, quality: int) -> bytes:
    """Compresses the colour planes of an image.

    Args:
        colour: Colour planes, uint8 ``[H, W, 3]``, of a size that `check_avif_size` admits.
        layout: Layout of the image. Gray is coded without chroma, colours with chroma at full resolution.
        quality: Quality in the scale of libavif, ``0 .. 100``.
    """
    image = Image.fromarray(shown_colours(colour, layout) if layout.is_gray else _with_rounded_chroma(colour))
    stream = io.BytesIO()
    image.save(
        stream,
        "AVIF",
        quality=quality,
        speed=_SPEED,
        subsampling="4:0:0" if layout.is_gray else "4:4:4",
        max_threads=1,
        advanced={"tune": "ssim"},
    )
    return stream.getvalue()


def decode_avif(payload: bytes, width: int, height: int, layout: Layout) -> Plane:
    """Decompresses colour planes.

    Args:
        payload: Bytes from `encode_avif`.
        width: Expected width in pixels.
        height: Expected height in pixels.
        layout: Layout of the image.

    Returns:
        Colour planes, uint8 ``[height, width, 3]``; the same plane three times for a gray layout.

    Raises:
        Corrupt: The bytes are not an AVIF image of this size, with one frame and without alpha.
    """
    try:
        with decoder_errors("damaged"):
            with limit_lifted():
                image = Image.open(io.BytesIO(payload), formats=("AVIF",))
            # The decoder must allocate the size that the header declares.
            fits = image.size == (width, height) and image.mode in ("L", "RGB") and getattr(image, "n_frames", 1) == 1
            pixels = np.array(image.convert("L" if layout.is_gray else "RGB")) if fits else None
    except ImageError as error:
        raise Corrupt("the AVIF data cannot be decoded") from error
    if pixels is None:
        raise Corrupt(f"the AVIF data are {image.width}x{image.height} pixels of mode {image.mode}")
    return gray_as_rgb(pixels) if layout.is_gray else pixels


# Luma and chroma of BT.601 in full range, as libavif codes them.
_TO_RGB = np.array([[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]], np.float32)
_TO_YCC = np.linalg.inv(_TO_RGB)
_HALF_LUMA, _HALF_CHROMA = (np.array(half, np.float32) for half in ((0.5, 0.0, 0.0), (0.0, 0.5, 0.5)))
_ROWS = 128


def _with_rounded_chroma(colour: Plane) -> Plane:
    """Moves colours by up to 1 so that their chroma, which libyuv rounds down, comes to what rounding would give.

    Otherwise every generation would move all colours the same way, by half a step of chroma.
    """
    moved = np.empty_like(colour)
    for top in range(0, len(colour), _ROWS):
        rows = colour[top : top + _ROWS].astype(np.float32)
        wanted = np.round(rows @ _TO_YCC.T)
        other = np.round((wanted + _HALF_CHROMA) @ _TO_RGB.T).clip(0.0, 255.0).astype(np.float32)
        missed, missed_by_other = (np.abs(_coded(each) - wanted).sum(axis=2) for each in (rows, other))
        moved[top : top + _ROWS] = np.where((missed_by_other < missed)[..., None], other, rows)
    return moved


def _coded(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """The integers that libyuv makes of colours: luma rounded to the nearest, chroma rounded down."""
    ycc = colour @ _TO_YCC.T + _HALF_LUMA
    return np.asarray(np.floor(ycc + 1e-4), np.float32)
