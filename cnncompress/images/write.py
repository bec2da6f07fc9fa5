"""Writes images: builds a Pillow image from planes, and saves Pillow images in files."""

from __future__ import annotations

import io
import os
import struct
from typing import IO, Any

import numpy as np
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from cnncompress.bitstream.ancillary import Metadata
from cnncompress.bitstream.container import Layout
from cnncompress.errors import OutputError, OutputExists
from cnncompress.files.outputs import check_output, write_output
from cnncompress.images.formats import (
    FORMATS_WITH_ALPHA,
    FORMATS_WITH_METADATA,
    FORMATS_WITH_QUALITY,
    OUTPUT_FORMATS,
    output_format,
)
from cnncompress.images.graphics import SAMPLED_ROWS, has_flat_areas
from cnncompress.images.metadata import attach, descriptive
from cnncompress.images.source import Plane
from cnncompress.remote import is_url

# Pillow's name of each format and the options of its writer; formats that can be lossless are.
_WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    "png": ("PNG", {}),
    "ppm": ("PPM", {}),
    "jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    "webp": ("WEBP", {"lossless": True, "exact": True}),
    "tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "avif": ("AVIF", {"quality": 95, "subsampling": "4:4:4"}),
    "bmp": ("BMP", {}),
}
_BLACK_BELOW = 128
_TIFF_XMP = 700
# The length field of a segment has 16 bits; the name in front of an XMP packet takes 29 bytes.
_JPEG_SEGMENT_BYTES = 65533 - 29
_PHOTOGRAPH_LEVEL = 3
"""Of zlib: Kodak's images become 2 % smaller than at Pillow's default of 6, in less than half of the time."""

_JPEG_SIDE = 65500
_TRANSPARENT_MODES = ("LA", "RGBA")


def to_image(colour: Plane, alpha: Plane | None, layout: Layout, metadata: Metadata = Metadata()) -> Image.Image:  # noqa: B008
    """Builds a Pillow image from planes.

    Args:
        colour: Colour planes, uint8 ``[H, W, 3]``. For a gray layout they are averaged, rounded; for a black and white
            one the result is white where the average is at least 128.
        alpha: Alpha plane, uint8 ``[H, W]``, if the layout has alpha, else None.
        layout: Layout of the result.
        metadata: Metadata to store as ``icc_profile``, ``exif`` and ``xmp`` in ``info``.

    Returns:
        An image in the mode ``layout.mode``.

    Raises:
        ValueError: There is an alpha plane and the layout has none, or the reverse.
    """
    if (alpha is not None) != layout.has_alpha:
        raise ValueError(f"alpha is {'missing' if alpha is None else 'given'} for the layout {layout.name}")
    image = Image.fromarray(shown_colours(colour, layout))
    if layout is Layout.BILEVEL:
        image = image.convert("1", dither=Image.Dither.NONE)
    if alpha is not None:
        image.putalpha(Image.fromarray(np.ascontiguousarray(alpha)))
    if image.mode != layout.mode:  # equal planes
        image = image.convert(layout.mode)
    attach(image, metadata)
    return image


def shown_colours(colour: Plane, layout: Layout) -> Plane:
    """Reduces colour planes to those of a layout.

    Args:
        colour: Colour planes, uint8 ``[H, W, 3]``.
        layout: Layout of the image.

    Returns:
        Planes, uint8 ``[H, W, 3]``, or ``[H, W]`` for gray layouts; black and white has the values 0 and 255 only.
    """
    if not layout.is_gray:
        return np.ascontiguousarray(colour)
    gray = ((colour.sum(axis=2, dtype=np.uint16) + 1) // 3).astype(np.uint8)
    return np.where(gray >= _BLACK_BELOW, np.uint8(255), np.uint8(0)) if layout is Layout.BILEVEL else gray


def save_image(
    image: Image.Image,
    target: IO[bytes] | str | os.PathLike[str],
    format: str | None = None,  # noqa: A002
    quality: int | None = None,
    *,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Writes an image; arguments and errors as in `cnncompress.save_image`.

    Returns:
        One line for each part of the metadata that the format cannot store, such as more than 64 KiB of EXIF in a JPEG.
    """
    if format is None and isinstance(target, (str, os.PathLike)):
        format = output_format(os.fspath(target))  # noqa: A001
        if format is None:
            raise OutputError(f"the ending is not one of {', '.join(OUTPUT_FORMATS)}, and no format is given")
    if format not in OUTPUT_FORMATS:
        raise OutputError(f"format is {format!r}, expected one of {', '.join(OUTPUT_FORMATS)}")
    if quality is not None and format not in FORMATS_WITH_QUALITY:
        raise OutputError(f"{format} has no quality; use one of {', '.join(FORMATS_WITH_QUALITY)}")
    if image.mode in _TRANSPARENT_MODES and format not in FORMATS_WITH_ALPHA:
        raise OutputError(f"{format} has no transparency; use one of {', '.join(FORMATS_WITH_ALPHA)}")
    if format == "jpg" and max(image.size) > _JPEG_SIDE:
        raise OutputError(f"cannot write {image.width}x{image.height} pixels as jpg: at most {_JPEG_SIDE} a side")
    if not isinstance(target, (str, os.PathLike)):
        return _write(image, target, format, quality)
    path = os.fspath(target)
    if not is_url(path):
        path = os.path.abspath(path)  # noqa: PTH100 - "-" is a file here
    try:
        check_output(path, force=overwrite)
        stream = io.BytesIO()
        losses = _write(image, stream, format, quality)
        write_output(path, stream.getbuffer(), force=overwrite)
    except OutputExists as error:
        raise OutputExists("exists already; overwrite=True replaces it") from error
    return losses


def _write(image: Image.Image, stream: IO[bytes], format_name: str, quality: int | None) -> tuple[str, ...]:
    losses: list[str] = []
    try:
        if format_name == "npy":
            np.save(stream, np.asarray(image.convert("L") if image.mode == "1" else image), allow_pickle=False)
            return ()
        writer, options = _WRITERS[format_name]
        if quality is not None:
            options = {**options, "quality": quality, **({"lossless": False} if format_name == "webp" else {})}
        if format_name == "avif" and image.mode in ("1", "L"):
            options = {**options, "subsampling": "4:0:0"}
        if format_name == "png" and image.mode in ("RGB", "RGBA") and not has_flat_areas(_some_rows(image)):
            options = {**options, "compress_level": _PHOTOGRAPH_LEVEL}
        image.save(stream, writer, **{**options, **_metadata_options(image, format_name, losses)})
    except (OSError, ValueError, struct.error) as error:
        raise OutputError(f"cannot write {image.width}x{image.height} pixels as {format_name}: {error}") from error
    return tuple(losses)


def _some_rows(image: Image.Image) -> Plane:
    """Rows from all over an image, so that a large one is not copied."""
    rows = np.unique(np.linspace(0, image.height - 1, SAMPLED_ROWS).astype(int))
    return np.concatenate([np.asarray(image.crop((0, row, image.width, row + 1))) for row in rows.tolist()])


def _metadata_options(image: Image.Image, format_name: str, losses: list[str]) -> dict[str, Any]:
    """Returns the options of Pillow's writer for metadata, and adds what is left out to the losses."""
    if format_name not in FORMATS_WITH_METADATA:
        return {}
    options = {key: image.info[key] for key in ("icc_profile", "exif", "xmp") if image.info.get(key)}
    if format_name == "jpg":
        for key in ("exif", "xmp"):
            if len(options.get(key, b"")) > _JPEG_SEGMENT_BYTES:
                losses.append(f"{key} is too long for a JPEG and is left out")
                del options[key]
    if format_name == "png" and "xmp" in options:
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", options.pop("xmp").decode("utf-8", "replace"))
        options["pnginfo"] = text
    if format_name in ("avif", "tiff") and "exif" in options:  # their writers rewrite EXIF
        options["exif"] = _arranged(options.pop("exif"), format_name, losses)
    if format_name == "tiff" and "xmp" in options:
        options.setdefault("exif", Image.Exif())[_TIFF_XMP] = options.pop("xmp")
    if format_name == "tiff" and any(
        tag in options.get("exif", {}) for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
    ):
        options["compression"] = None  # libtiff, which compresses, cannot write these directories
    return options


def _arranged(data: bytes, format_name: str, losses: list[str]) -> Image.Exif:
    exif = Image.Exif()
    try:
        exif.load(data)
        exif = descriptive(exif) if format_name == "tiff" else exif
        exif.tobytes()
    except Exception:  # Pillow raises many types on damaged EXIF, which is no reason to lose the image
        losses.append(f"this exif cannot be written as {format_name} and is left out")
        return Image.Exif()
    return exif
