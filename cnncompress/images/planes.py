"""Lossless coding of planes, as WebP or PNG: the alpha plane of a lossy file, and whole lossless images.

The payload is a complete WebP file, or a PNG file if a side is longer than 16383 pixels, the maximum of WebP. Its width
and height are compared with the header of the .cnc file before its pixels are decoded.
"""

from __future__ import annotations

import io
import struct

import numpy as np
import numpy.typing as npt
from PIL import Image

from cnncompress.bitstream.container import Layout
from cnncompress.errors import Corrupt, ImageError
from cnncompress.images.guard import decoder_errors
from cnncompress.images.pillow_limit import limit_lifted
from cnncompress.images.source import Plane, gray_as_rgb

_WEBP_MAX_SIDE = 16383
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
# RIFF, length, WEBP, VP8L, length, signature; then 14 bits of width - 1, 14 bits of height - 1.
_WEBP_LOSSLESS = struct.Struct("<4sI4s4sIBI")


def encode_alpha(alpha: Plane) -> bytes:
    """Compresses an alpha plane, uint8 ``[H, W]``."""
    return _encode(Image.fromarray(np.ascontiguousarray(alpha)))


def decode_alpha(payload: bytes, width: int, height: int) -> Plane:
    """Decompresses an alpha plane.

    Args:
        payload: Bytes from `encode_alpha`.
        width: Expected width in pixels.
        height: Expected height in pixels.

    Returns:
        Alpha plane, uint8 ``[height, width]``.

    Raises:
        Corrupt: The bytes are not an alpha plane of this size.
    """
    return _gray_plane(_decode(payload, width, height, "alpha plane", "L", ("RGB",)), "alpha plane")


def encode_image(colour: Plane, alpha: Plane | None, layout: Layout) -> bytes:
    """Compresses all planes of an image.

    Args:
        colour: Colour planes, uint8 ``[H, W, 3]``; the same plane three times for a gray layout.
        alpha: Alpha plane, uint8 ``[H, W]``, if the layout has alpha, else None. Transparent pixels keep their colour.
        layout: Layout of the planes.
    """
    planes = colour[..., :1] if layout.is_gray else colour
    if alpha is not None:
        planes = np.dstack([planes, alpha])
    return _encode(Image.fromarray(np.ascontiguousarray(planes.squeeze(2) if planes.shape[2] == 1 else planes)))


def decode_image(payload: bytes, width: int, height: int, layout: Layout) -> tuple[Plane, Plane | None]:
    """Decompresses the planes of an image.

    Args:
        payload: Bytes from `encode_image`.
        width: Expected width in pixels.
        height: Expected height in pixels.
        layout: Expected layout.

    Returns:
        Colour planes, uint8 ``[height, width, 3]``, and the alpha plane, uint8 ``[height, width]``, if the layout has
        alpha, else None.

    Raises:
        Corrupt: The bytes are not planes of this size and layout.
    """
    name = f"{layout.mode} image"
    # WebP has no gray mode, and stores no alpha plane for an opaque image.
    webp_modes = ("RGBA", "RGB") if layout.has_alpha else ("RGB",)
    pixels = _decode(payload, width, height, name, layout.coded_mode, webp_modes)
    alpha = None
    if layout.has_alpha:
        opaque = pixels.shape[2] == 3
        alpha = np.full((height, width), 255, np.uint8) if opaque else np.ascontiguousarray(pixels[..., -1])
        pixels = pixels if opaque else np.ascontiguousarray(pixels[..., :-1])
    if layout.is_gray:
        gray = _gray_plane(pixels, name)
        if layout is Layout.BILEVEL and not np.isin(gray, (0, 255)).all():
            raise Corrupt(f"the {name} has values other than 0 and 255")
        pixels = gray_as_rgb(gray)
    return pixels, alpha


def _encode(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    if max(image.size) > _WEBP_MAX_SIDE:
        image.save(stream, "PNG", compress_level=9)
    else:
        image.save(stream, "WEBP", lossless=True, exact=True, method=4, quality=80)
    return stream.getvalue()


def _decode(
    payload: bytes, width: int, height: int, name: str, png_mode: str, webp_modes: tuple[str, ...]
) -> npt.NDArray[np.uint8]:
    """Returns the samples of a payload: uint8 ``[H, W]`` for mode L, else ``[H, W, C]``."""
    declared = _declared_size(payload, name)
    modes = (png_mode,) if payload.startswith(_PNG_MAGIC) else webp_modes
    if declared != (width, height):
        raise Corrupt(f"the {name} is {declared[0]}x{declared[1]} pixels, expected {width}x{height}")
    try:
        with decoder_errors("damaged"):
            with limit_lifted():
                image = Image.open(io.BytesIO(payload), formats=("PNG", "WEBP"))
            # The decoder must allocate the size that was checked above.
            fits = image.size == declared and image.mode in modes and "transparency" not in image.info
            pixels = np.array(image) if fits else None
    except ImageError as error:
        raise Corrupt(f"the {name} cannot be decoded") from error
    if pixels is None:
        raise Corrupt(f"the {name} has the mode {image.mode}, expected {' or '.join(modes)} with 8 bits")
    return pixels


def _gray_plane(pixels: npt.NDArray[np.uint8], name: str) -> Plane:
    if pixels.ndim == 3:
        if (pixels != pixels[..., :1]).any():
            raise Corrupt(f"the {name} has colours")
        pixels = pixels[..., 0]
    return np.ascontiguousarray(pixels)


def _declared_size(payload: bytes, name: str) -> tuple[int, int]:
    if payload.startswith(_PNG_MAGIC) and len(payload) >= 24:
        width, height = struct.unpack_from(">II", payload, 16)
        return width, height
    if len(payload) >= _WEBP_LOSSLESS.size:
        riff, _, webp, kind, _, signature, sides = _WEBP_LOSSLESS.unpack_from(payload)
        if (riff, webp, kind, signature) == (b"RIFF", b"WEBP", b"VP8L", 0x2F):
            return (sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1
    raise Corrupt(f"the {name} is neither lossless WebP nor PNG")
