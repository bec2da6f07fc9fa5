"""The Python interface: images to .cnc bytes and back.

Torch is imported when a model is loaded, and not for files that need none. Any number of threads may call what is here
at once, and share a `Codec`; the same file gives the same pixels in all of them.
"""

from __future__ import annotations

import os

from PIL import Image

from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.bitstream.container import MAX_SIDE, Container
from cnncompress.codec.codec import DEFAULT_QUALITY, Codec
from cnncompress.codec.packing import (
    Decoded,
    pack_lossless,
    pack_original,
    parse,
    read_planes,
    unpack_file,
    unpack_image,
)
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.refinement.levels import MAX_EFFORT
from cnncompress.codec.targets import Target
from cnncompress.files import FileSource
from cnncompress.images.settings import DEFAULT_MAX_PIXELS, DEFAULT_MEMORY_LIMIT, ImageSettings, Limits
from cnncompress.images.source import ImageSource
from cnncompress.images.view import View, parse_view
from cnncompress.model.manifest import find_by_fingerprint

__all__ = [
    "DEFAULT_QUALITY",
    "MAX_EFFORT",
    "Codec",
    "Decoded",
    "compress",
    "decompress",
    "decompress_file",
    "store_original",
]


def compress(
    image: ImageSource,
    quality: float | None = None,
    *,
    target: Target | None = None,
    effort: int = 0,
    lossless: bool = False,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    settings: ImageSettings | None = None,
    source: SourceRecord | None = None,
    tile: int | None = None,
    progress: Progress = unwatched,
) -> bytes:
    """Compresses one image; arguments and errors as in `Codec` and `Codec.compress`.

    Each call loads the model: for many images keep a `Codec`. With ``lossless`` all planes come back as they are,
    ``quality`` and ``effort`` do not count, and no model is loaded.
    """
    if not lossless:
        return Codec(model, device).compress(
            image,
            quality,
            target=target,
            effort=effort,
            settings=settings,
            source=source,
            tile=tile,
            progress=progress,
        )
    if target is not None:
        raise ValueError("a lossless file has the size that it has, and a target cannot be met")
    return pack_lossless(read_planes(image, settings or ImageSettings()), source)


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


def decompress(
    data: FileSource,
    *,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_dim: int = MAX_SIDE,
    memory_limit: int = DEFAULT_MEMORY_LIMIT,
    crop: tuple[int, int, int, int] | None = None,
    scale: float = 1.0,
    keep_going: bool = False,
    progress: Progress = unwatched,
) -> Image.Image:
    """Decompresses one .cnc file, with the installed model that it names unless one is given.

    Each call loads the model, if the file needs one: for many files keep a `Codec`. Arguments and errors as in `Codec`
    and `Codec.decompress`.
    """
    limits = Limits(max_pixels, max_dim, memory_limit)
    parsed, view = parse(data, keep_going), parse_view(crop, scale)
    image = unpack_image(parsed.container, view, limits)
    return image or _decoder(parsed.container, model, device, limits).decode(parsed, view, keep_going, progress)


def decompress_file(
    data: FileSource,
    *,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_dim: int = MAX_SIDE,
    memory_limit: int = DEFAULT_MEMORY_LIMIT,
    view: View = View(),  # noqa: B008 - frozen
    keep_going: bool = False,
    progress: Progress = unwatched,
) -> Decoded:
    """Decompresses one .cnc file as `decompress` does, but gives a stored original back bit for bit.

    Arguments as in `Codec.decompress_file`.
    """
    limits = Limits(max_pixels, max_dim, memory_limit)
    parsed = parse(data, keep_going)
    found = unpack_file(parsed.container, view, limits)
    return found or _decoder(parsed.container, model, device, limits).decode(parsed, view, keep_going, progress)


def _decoder(container: Container, model: str | os.PathLike[str] | None, device: str, limits: Limits) -> Codec:
    chosen = find_by_fingerprint(container.header.fingerprint) if model is None else model
    return Codec(chosen, device, max_pixels=limits.max_pixels, max_dim=limits.max_dim, memory_limit=limits.memory)
