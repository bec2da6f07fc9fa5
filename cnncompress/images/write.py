"""Pictures out: planes become a picture in Pillow's hands, and that becomes a file."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from cnncompress.bitstream.ancillary import Metadata
from cnncompress.bitstream.container import Layout
from cnncompress.errors import OutputError
from cnncompress.files import reason
from cnncompress.images.formats import FORMATS_WITH_ALPHA, FORMATS_WITH_METADATA, OUTPUT_FORMATS
from cnncompress.images.metadata import attach, descriptive
from cnncompress.images.source import Plane

# What Pillow's writer is told; everything that can be lossless is.
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
# A segment's length has 16 bits; the name before an XMP packet takes 29 bytes of it.
_JPEG_SEGMENT_BYTES = 65533 - 29
_TRANSPARENT_MODES = ("LA", "RGBA")


def to_image(colour: Plane, alpha: Plane | None, layout: Layout, metadata: Metadata = Metadata()) -> Image.Image:  # noqa: B008
    """Builds a picture from planes.

    Args:
        colour: uint8 [H, W, 3]. A gray picture gets the rounded mean of the three, a black and white one is white
            where that is 128 or more.
        alpha: uint8 [H, W] if the layout has alpha, else None.
        layout: what to build.
        metadata: goes to ``icc_profile``, ``exif`` and ``xmp`` of ``info``.

    Returns:
        A picture in the mode ``layout.mode``.
    """
    if (alpha is not None) != layout.has_alpha:
        raise ValueError(f"alpha is {'missing' if alpha is None else 'given'} for the layout {layout.name}")
    image = Image.fromarray(shown_colours(colour, layout))
    if layout is Layout.BILEVEL:
        image = image.convert("1", dither=Image.Dither.NONE)
    if alpha is not None:
        image.putalpha(Image.fromarray(np.ascontiguousarray(alpha)))
    attach(image, metadata)
    return image


def shown_colours(colour: Plane, layout: Layout) -> Plane:
    """Reduces colours to what a layout shows of them.

    Args:
        colour: uint8 [H, W, 3].
        layout: of the picture.

    Returns:
        uint8 [H, W, 3]; for gray layouts [H, W], for black and white ones of the values 0 and 255.
    """
    if not layout.is_gray:
        return np.ascontiguousarray(colour)
    gray = ((colour.sum(axis=2, dtype=np.uint16) + 1) // 3).astype(np.uint8)
    return np.where(gray >= _BLACK_BELOW, np.uint8(255), np.uint8(0)) if layout is Layout.BILEVEL else gray


def save_image(image: Image.Image, target: IO[bytes] | str | os.PathLike[str], format: str) -> tuple[str, ...]:  # noqa: A002
    """Writes a picture; arguments and errors as in `cnncompress.save_image`.

    Returns:
        A line for each thing that the format has no place for: a JPEG has none for more than 64 KiB of EXIF or XMP.
    """
    if format not in OUTPUT_FORMATS:
        raise OutputError(f"format is {format!r}, expected one of {', '.join(OUTPUT_FORMATS)}")
    if image.mode in _TRANSPARENT_MODES and format not in FORMATS_WITH_ALPHA:
        raise OutputError(f"{format} has no transparency; use one of {', '.join(FORMATS_WITH_ALPHA)}")
    if not isinstance(target, (str, os.PathLike)):
        return _write(image, target, format)
    try:
        with Path(target).open("wb") as stream:
            return _write(image, stream, format)
    except (OSError, ValueError) as error:
        raise OutputError(reason(error)) from error


def _write(image: Image.Image, stream: IO[bytes], format_name: str) -> tuple[str, ...]:
    losses: list[str] = []
    try:
        if format_name == "npy":
            np.save(stream, np.asarray(image.convert("L") if image.mode == "1" else image), allow_pickle=False)
            return ()
        writer, options = _WRITERS[format_name]
        if format_name == "avif" and image.mode in ("1", "L"):
            options = {**options, "subsampling": "4:0:0"}
        image.save(stream, writer, **{**options, **_metadata_options(image, format_name, losses)})
    except (OSError, ValueError, struct.error) as error:
        raise OutputError(f"cannot write {image.width}x{image.height} pixels as {format_name}: {error}") from error
    return tuple(losses)


def _metadata_options(image: Image.Image, format_name: str, losses: list[str]) -> dict[str, Any]:
    """What Pillow's writer is told of the metadata; what is left out is added to the losses."""
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
    if format_name in ("avif", "tiff") and "exif" in options:  # whose writers arrange EXIF anew
        options["exif"] = _arranged(options.pop("exif"), format_name, losses)
    if format_name == "tiff" and "xmp" in options:
        options.setdefault("exif", Image.Exif())[_TIFF_XMP] = options.pop("xmp")
    if format_name == "tiff" and any(
        tag in options.get("exif", {}) for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
    ):
        options["compression"] = None  # Pillow cannot write these directories through libtiff, which compresses
    return options


def _arranged(data: bytes, format_name: str, losses: list[str]) -> Image.Exif:
    exif = Image.Exif()
    try:
        exif.load(data)
        exif = descriptive(exif) if format_name == "tiff" else exif
        exif.tobytes()
    except Exception:  # whatever Pillow stumbles over; the picture is worth more
        losses.append(f"this exif cannot be written as {format_name} and is left out")
        return Image.Exif()
    return exif
