"""The Python interface: images to .cnc bytes and back.

Torch is imported when a model is loaded, and not for files that need none. Any number of threads may call what is here
at once, and share a `Codec`; the same file gives the same pixels in all of them.
"""

from __future__ import annotations

import os

from PIL import Image

from cnncompress.assembly import (
    check_limits,
    pack_lossless,
    pack_original,
    taken_apart,
    unpack_image,
    unpack_original,
    warn_of_losses,
)
from cnncompress.codec.ancillary import SourceRecord
from cnncompress.codec.container import MAX_SIDE
from cnncompress.codec.effort import MAX_EFFORT
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.salvage import Remains
from cnncompress.coding import DEFAULT_QUALITY, Codec, Decoded
from cnncompress.files import FileSource
from cnncompress.images.limits import Limits, check_memory
from cnncompress.images.read import read_image
from cnncompress.images.settings import DEFAULT_MAX_PIXELS, DEFAULT_MEMORY_LIMIT, ImageSettings
from cnncompress.images.source import ImageSource
from cnncompress.images.view import View, view_of
from cnncompress.manifest import find_by_fingerprint
from cnncompress.memory import image_bytes
from cnncompress.targets import Target

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
    planes = read_image(image, settings or ImageSettings())
    if planes is not image:
        warn_of_losses(planes)
    return pack_lossless(planes, source)


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
    remains = taken_apart(data, keep_going)
    return _decompress(remains, model, device, limits, view_of(crop, scale), keep_going, progress)


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
    remains = taken_apart(data, keep_going)
    original = unpack_original(remains.container) if view.is_whole else None
    return original or _decompress(remains, model, device, limits, view, keep_going, progress)


def _decompress(
    remains: Remains,
    model: str | os.PathLike[str] | None,
    device: str,
    limits: Limits,
    view: View,
    keep_going: bool,
    progress: Progress,
) -> Image.Image:
    container = remains.container
    check_limits(container.header, limits.max_pixels, limits.max_dim)
    check_memory(image_bytes(container, view), limits.memory)
    image = unpack_image(container, view)
    if image is not None:
        return image
    if model is None:
        model = find_by_fingerprint(container.header.fingerprint)
    codec = Codec(model, device, max_pixels=limits.max_pixels, max_dim=limits.max_dim, memory_limit=limits.memory)
    return codec.decode(remains, view, keep_going, progress)
