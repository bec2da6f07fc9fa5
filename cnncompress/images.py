"""Pictures in and out: whatever Pillow reads becomes 8-bit planes, and planes become a picture again.

What the codec cannot carry is refused by name, never reduced: more than 8 bits a sample, CMYK, float,
animations.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
from dataclasses import dataclass
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from cnncompress.bitdepth import has_deep_samples
from cnncompress.codec.container import MAX_SIDE, Layout
from cnncompress.errors import Corrupt, ImageError, LimitExceeded, OutputError, UnsupportedImage
from cnncompress.formats import FORMATS_WITH_ALPHA
from cnncompress.pillow_guard import INPUT_FORMATS, decoder_errors, limit_lifted, open_stream

Plane: TypeAlias = npt.NDArray[np.uint8]
ImageSource: TypeAlias = "Image.Image | npt.NDArray[np.uint8] | bytes | str | os.PathLike[str]"

DEFAULT_MAX_PIXELS = 40_000_000

# What Pillow's writer is told; everything that can be lossless is.
_WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    "png": ("PNG", {}),
    "ppm": ("PPM", {}),
    "jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    "webp": ("WEBP", {"lossless": True, "exact": True}),
    "tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "bmp": ("BMP", {}),
}

_WEBP_MAX_SIDE = 16383
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
# RIFF, length, WEBP, VP8L, length, signature; then 14 bits of width - 1, 14 bits of height - 1.
_WEBP_LOSSLESS = struct.Struct("<4sI4s4sIBI")
_TIFF_TILE_WIDTH, _TIFF_TILE_LENGTH = 322, 323


@dataclass(frozen=True, eq=False)
class SourceImage:
    """The planes of a picture, upright.

    Attributes:
        colour: uint8 [H, W, 3], R'G'B'; a gray picture has the same plane three times.
        alpha: uint8 [H, W], 255 is opaque; None if the layout has no alpha.
        layout: what the planes are.
    """

    colour: Plane
    alpha: Plane | None
    layout: Layout


def read_image(source: ImageSource, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> SourceImage:
    """Reads a picture and makes it upright.

    Args:
        source: a path, the bytes of a file, a Pillow image, or a uint8 array [H, W], [H, W, 3] or [H, W, 4]
            (which the result may share memory with).
        max_pixels: a picture with more pixels is refused before its pixels are decoded.

    Raises:
        UnreadableImage: no such file, or its bytes cannot be decoded.
        UnsupportedImage: a mode, bit depth or number of frames that the codec does not carry.
        LimitExceeded: more than ``max_pixels``, or a side longer than 65535.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, max_pixels)
    if isinstance(source, Image.Image):
        return _from_pillow(source, None, max_pixels)
    with open_stream(source) as stream:
        with decoder_errors("not a picture in a format that can be read"), limit_lifted():
            image = Image.open(stream, formats=INPUT_FORMATS)
        with image:
            return _from_pillow(image, stream, max_pixels)


def to_image(colour: Plane, alpha: Plane | None, layout: Layout) -> Image.Image:
    """Builds a picture from planes.

    Args:
        colour: uint8 [H, W, 3]. A gray picture gets the rounded mean of the three.
        alpha: uint8 [H, W] if the layout has alpha, else None.
        layout: what to build.

    Returns:
        A picture in the mode ``layout.mode``.
    """
    if (alpha is not None) != layout.has_alpha:
        raise ValueError(f"alpha is {'missing' if alpha is None else 'given'} for the layout {layout.name}")
    if layout.is_gray:
        gray = (colour.sum(axis=2, dtype=np.uint16) + 1) // 3
        image = Image.fromarray(gray.astype(np.uint8))
    else:
        image = Image.fromarray(np.ascontiguousarray(colour))
    if alpha is not None:
        image.putalpha(Image.fromarray(np.ascontiguousarray(alpha)))
    return image


def encode_alpha(alpha: Plane) -> bytes:
    """Compresses an alpha plane uint8 [H, W] without loss: WebP, or PNG where a side is too long for WebP."""
    stream = io.BytesIO()
    plane = Image.fromarray(np.ascontiguousarray(alpha))
    if max(plane.size) > _WEBP_MAX_SIDE:
        plane.save(stream, "PNG", compress_level=9)
    else:
        plane.save(stream, "WEBP", lossless=True, method=4, quality=80)
    return stream.getvalue()


def decode_alpha(payload: bytes, width: int, height: int) -> Plane:
    """Decompresses an alpha plane.

    Returns:
        uint8 [height, width].

    Raises:
        Corrupt: the bytes are not such a plane, or it has another size.
    """
    declared = _declared_size(payload)
    if declared != (width, height):
        raise Corrupt(f"the alpha plane is {declared[0]}x{declared[1]} pixels, expected {width}x{height}")
    try:
        with decoder_errors("damaged"):
            with limit_lifted():
                image = Image.open(io.BytesIO(payload), formats=("PNG", "WEBP"))
            # What the decoder will allocate must be what was checked above.
            fits = image.size == declared and image.mode in ("L", "RGB")
            pixels = np.array(image) if fits else None
    except ImageError as error:
        raise Corrupt("the alpha plane cannot be decoded") from error
    if pixels is None:
        raise Corrupt(f"the alpha plane has the mode {image.mode}, expected 8-bit gray")
    if pixels.ndim == 3:
        if (pixels != pixels[..., :1]).any():
            raise Corrupt("the alpha plane has colours")
        pixels = pixels[..., 0]
    return np.ascontiguousarray(pixels)


def save_image(image: Image.Image, stream: IO[bytes], format: str) -> None:  # noqa: A002 - as Pillow calls it
    """Writes a picture.

    Args:
        image: in mode L, LA, RGB or RGBA.
        stream: open for binary writing, seekable.
        format: one of ``formats.OUTPUT_FORMATS``.

    Raises:
        OutputError: the format has no transparency, or cannot hold a picture of that size.
    """
    if image.mode in ("LA", "RGBA") and format not in FORMATS_WITH_ALPHA:
        raise OutputError(f"{format} has no transparency; use one of {', '.join(FORMATS_WITH_ALPHA)}")
    writer, options = _WRITERS[format]
    try:
        image.save(stream, writer, **options)
    except (OSError, ValueError, struct.error) as error:
        raise OutputError(f"cannot write {image.width}x{image.height} pixels as {format}: {error}") from error


def _from_array(array: npt.NDArray[np.uint8], max_pixels: int) -> SourceImage:
    colours = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and colours not in (3, 4)):
        raise UnsupportedImage(
            f"an array {array.dtype} {list(array.shape)} is not supported, "
            "expected uint8 [H, W], [H, W, 3] or [H, W, 4]"
        )
    _check_size(array.shape[1], array.shape[0], max_pixels)
    if array.ndim == 2:
        return SourceImage(np.repeat(array[:, :, None], 3, axis=2), None, Layout.GRAY)
    colour = np.ascontiguousarray(array[..., :3])
    if colours == 3:
        return SourceImage(colour, None, Layout.RGB)
    return SourceImage(colour, np.ascontiguousarray(array[..., 3]), Layout.RGBA)


def _from_pillow(image: Image.Image, stream: IO[bytes] | None, max_pixels: int) -> SourceImage:
    _check_size(image.width, image.height, max_pixels)
    _check_tiles(image, max_pixels)
    with decoder_errors("the picture is damaged"):
        animated = getattr(image, "is_animated", False)
        deep = has_deep_samples(image, stream)
    # An MPO file is a JPEG photo with previews or a second view behind it; viewers show the first picture.
    if animated and image.format != "MPO":
        raise UnsupportedImage(f"more than one frame ({image.format}) is not supported")
    if deep:
        raise UnsupportedImage(f"more than 8 bits per sample (mode {image.mode}) is not supported")
    target = _target_layout(image)
    if stream is not None:  # not a caller's own image, which must stay as it is
        _scale_transparent_gray(image)
    large = image.width * image.height > DEFAULT_MAX_PIXELS
    with decoder_errors("the picture is damaged or cut off"):
        with limit_lifted() if large else contextlib.nullcontext():
            image.load()
        planes = np.array(ImageOps.exif_transpose(image).convert(target.mode))
    if planes.ndim == 2:
        planes = planes[:, :, None]
    _check_size(planes.shape[1], planes.shape[0], max_pixels)
    alpha = np.ascontiguousarray(planes[..., -1]) if target.has_alpha else None
    colour = planes[..., :1].repeat(3, axis=2) if target.is_gray else np.ascontiguousarray(planes[..., :3])
    return SourceImage(colour, alpha, target)


def _target_layout(image: Image.Image) -> Layout:
    transparent = image.has_transparency_data
    if image.mode in ("1", "L", "LA"):
        return Layout.GRAY_ALPHA if transparent else Layout.GRAY
    if image.mode in ("P", "PA", "RGB", "RGBA"):
        return Layout.RGBA if transparent else Layout.RGB
    raise UnsupportedImage(f"mode {image.mode} is not supported, only 8-bit gray, RGB and palettes are")


def _scale_transparent_gray(image: Image.Image) -> None:
    # Pillow scales the samples of 2- and 4-bit gray PNGs to 0..255, but not the value that means transparent.
    key = image.info.get("transparency")
    for tile in getattr(image, "tile", ()):
        if tile[3] in ("L;2", "L;4") and isinstance(key, int):
            image.info["transparency"] = key * (85 if tile[3] == "L;2" else 17)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise UnsupportedImage(f"{width}x{height} pixels: the picture is empty")
    if max(width, height) > MAX_SIDE:
        raise LimitExceeded(f"{width}x{height} pixels: a side is longer than {MAX_SIDE}")
    if width * height > max_pixels:
        raise LimitExceeded(f"{width}x{height} pixels are more than the limit of {max_pixels}")


def _check_tiles(image: Image.Image, max_pixels: int) -> None:
    # A small TIFF may declare one huge tile, which is allocated whole.
    tags = getattr(image, "tag_v2", {})
    width, length = tags.get(_TIFF_TILE_WIDTH), tags.get(_TIFF_TILE_LENGTH)
    if not isinstance(width, int) or not isinstance(length, int):
        return
    if width * length > max(max_pixels, image.width * image.height):
        raise LimitExceeded(f"tiles of {width}x{length} pixels are more than the limit of {max_pixels}")


def _declared_size(payload: bytes) -> tuple[int, int]:
    if payload.startswith(_PNG_MAGIC) and len(payload) >= 24:
        width, height = struct.unpack_from(">II", payload, 16)
        return width, height
    if len(payload) >= _WEBP_LOSSLESS.size:
        riff, _, webp, kind, _, signature, sides = _WEBP_LOSSLESS.unpack_from(payload)
        if (riff, webp, kind, signature) == (b"RIFF", b"WEBP", b"VP8L", 0x2F):
            return (sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1
    raise Corrupt("the alpha plane is neither lossless WebP nor PNG")
