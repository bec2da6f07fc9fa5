"""Single calls: images to .cnc bytes and back, and pictures to files. Those that need a model load it each time."""

from __future__ import annotations

import os
from typing import IO

from PIL import Image

from cnncompress.api.callers import image_with_warnings, warn_caller
from cnncompress.api.checked import check_device, check_types, compress_with
from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.encode_settings import CodingChoice
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.codec.packing import pack_original
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.targets import Target
from cnncompress.codec.unpacking import OriginalFile, original_of, parse
from cnncompress.errors import FeatureLoss
from cnncompress.files.inputs import FileSource
from cnncompress.images import write
from cnncompress.images.limits import Limits
from cnncompress.images.settings import ImageSettings
from cnncompress.images.source import ImageSource
from cnncompress.images.view import parse_view
from cnncompress.named_errors import naming


def compress(
    image: ImageSource,
    quality: float | None = None,
    *,
    target: Target | None = None,
    coding: CodingChoice = "auto",
    effort: int = 0,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    settings: ImageSettings | None = None,
    source: SourceRecord | None = None,
    tile: int | None = None,
    exact: bool = False,
    progress: Progress = unwatched,
) -> bytes:
    """Compresses one image; arguments and errors as in `Codec` and `Codec.compress`.

    Each call loads the model, if the coding needs one: for many images keep a `Codec`.
    """
    check_device(device)
    codecs = CodecCache(ModelSettings(model, device))
    return compress_with(
        codecs.encoder,
        codecs.limits,
        image,
        quality,
        target=target,
        coding=coding,
        effort=effort,
        settings=settings,
        source=source,
        tile=tile,
        exact=exact,
        progress=progress,
    )


def decompress(
    data: FileSource,
    *,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    limits: Limits = Limits(),  # noqa: B008 - frozen
    crop: tuple[int, int, int, int] | None = None,
    scale: float = 1.0,
    keep_going: bool = False,
    progress: Progress = unwatched,
) -> Image.Image:
    """Decompresses one .cnc file, with the model that it was made with: ``model``, or an installed one.

    Each call loads the model, if the file needs one: for many files keep a `Codec`. Arguments and errors as in `Codec`
    and `Codec.decompress`.
    """
    check_types(device, limits)
    view = parse_view(crop, scale)
    with naming(data):
        decoded = CodecCache(ModelSettings(model, device), limits).decode(
            parse(data, keep_going=keep_going), view, progress
        )
    return image_with_warnings(decoded)


def store_original(data: bytes, *, settings: ImageSettings | None = None, source: SourceRecord | None = None) -> bytes:
    """Returns a .cnc file in which an image file travels bit for bit, with all its metadata; no model is loaded.

    Args:
        data: The image file.
        settings: How it would be read for coding. Where they would take something away that the file has, such as
            its EXIF or its other frames, or may have, it cannot be stored.
        source: Ending and size of the image's file, to be kept in the file.

    Raises:
        ImageError: The file cannot be read, or not be stored because of the settings.
        LimitExceeded: It is too large.
    """
    return pack_original(data, settings or ImageSettings(), source)


def restore_original(data: FileSource) -> OriginalFile | None:
    """Returns the image file that `store_original` put into a .cnc file; None if a picture was coded instead.

    Args:
        data: The whole .cnc file, its path, or a binary stream, which is read from its beginning.

    Raises:
        TypeError: It is neither bytes, a path nor a binary stream.
        UnreadableImage: There is no such file, or it cannot be read.
        BitstreamError: The file is damaged, foreign or too new.
    """
    with naming(data):
        return original_of(parse(data).container)


def save_image(
    image: Image.Image,
    target: IO[bytes] | str | os.PathLike[str],
    format: str | None = None,  # noqa: A002
    quality: int | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Writes a picture, with the colour profile, EXIF and XMP in its ``info`` where the format has a place for them.

    Args:
        image: In mode 1, L, LA, RGB or RGBA.
        target: A path, or a stream that is open for binary writing and seekable.
        format: ``png``, ``ppm``, ``jpg``, ``webp``, ``tiff``, ``avif``, ``bmp`` or ``npy``; by default that of the
            path's ending.
        quality: 1 .. 100, for ``jpg``, ``webp`` and ``avif``; by default 95, and no loss for ``webp``.
        overwrite: Whether a file that exists is replaced.

    Warns:
        FeatureLoss: The format has no place for metadata of that kind or length.

    Raises:
        OutputExists: The file exists, and ``overwrite`` is not set.
        OutputError: The format is none of them, has no transparency or quality, cannot hold a picture of that size, or
            it cannot be written. No part of a file is left; a stream may have received a part.
    """
    with naming(target):
        losses = write.save_image(image, target, format, quality, overwrite=overwrite)
    warn_caller(FeatureLoss, losses)
