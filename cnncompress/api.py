"""The Python interface: images to .cnc bytes and back.

Torch is imported when a model is loaded, and not for files that need none. Any number of threads may call what is here at
once, and share a `Codec`; the same file gives the same pixels in all of them.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image

from cnncompress.assembly import (
    OriginalFile,
    check_limits,
    pack_learned,
    pack_lossless,
    pack_original,
    unpack_image,
    unpack_learned,
    unpack_original,
    warn_of_losses,
)
from cnncompress.codec.ancillary import SourceRecord
from cnncompress.codec.container import MAX_SIDE, ChunkType, Container, unpack
from cnncompress.errors import UnknownModel
from cnncompress.images.read import read_image
from cnncompress.images.settings import DEFAULT_MAX_PIXELS, ImageSettings
from cnncompress.images.source import ImageSource
from cnncompress.info import probe
from cnncompress.manifest import find_by_fingerprint, find_weights

if TYPE_CHECKING:
    from cnncompress.codec.latents import Stopwatch
    from cnncompress.devices import Precision

__all__ = [
    "DEFAULT_QUALITY",
    "Codec",
    "Decoded",
    "compress",
    "decompress",
    "decompress_file",
    "probe",
    "store_original",
]

DEFAULT_QUALITY = 60.0

Decoded: TypeAlias = Image.Image | OriginalFile
"""What was in a .cnc file."""


class Codec:
    """A loaded model, for any number of images.

    Threads may share a codec: coding keeps no state between calls.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        device: str = "auto",
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        max_dim: int = MAX_SIDE,
        precision: Precision = "auto",
        stopwatch: Stopwatch | None = None,
    ) -> None:
        """Loads a model.

        Args:
            model: Name of an installed model, path of a weights file, or None for the default.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
            max_pixels: Largest width times height that is coded or decoded.
            max_dim: Longest side that is coded or decoded.
            precision: What the networks compute in: ``fp32``, ``bf16``, or ``auto``, which is fp32. Any of them decodes
                the files of any other.
            stopwatch: Told of the stages "image", "analysis", "hyper", "context", "synthesis" and "rans".

        Raises:
            ModelError: The model is unknown or its file is damaged.
            DeviceError: The device is not there.
        """
        chosen = os.fspath(model) if isinstance(model, os.PathLike) else model
        find_weights(chosen)  # before torch is imported, which takes its time

        from cnncompress.codec.entropy import EntropyModel
        from cnncompress.codec.latents import LatentTransform, NoStopwatch
        from cnncompress.codec.pipeline import ImagePipeline
        from cnncompress.devices import computing, resolve_device
        from cnncompress.weights import load_weights

        self.device = resolve_device(device)
        computing(precision, self.device)  # refuses what there is not
        self.precision = precision
        self.max_pixels = max_pixels
        self.max_dim = max_dim
        self._stopwatch = stopwatch or NoStopwatch()
        weights = load_weights(chosen)
        self.model = weights.name
        self.fingerprint = weights.fingerprint
        transform = LatentTransform(weights.network, weights.scales, self.device, self._stopwatch)
        self._pipeline = ImagePipeline(transform, EntropyModel(weights.tables))

    def compress(
        self,
        image: ImageSource,
        quality: float = DEFAULT_QUALITY,
        *,
        settings: ImageSettings | None = None,
        source: SourceRecord | None = None,
    ) -> bytes:
        """Compresses an image.

        An image with one bit a sample or a palette is coded without loss as well, and the shorter file is returned.

        Args:
            image: Path, encoded bytes, Pillow image, uint8 array ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]``, or what
                `read_image` returned, for which ``settings`` do nothing and nobody is warned.
            quality: 0 (smallest) .. 100 (best), kept in hundredths.
            settings: How to read the image; by default as it is, within the codec's own limits.
            source: Ending and size of the image's file, to be kept in the file.

        Returns:
            A .cnc file.

        Warns:
            FeatureLoss: Something about the image cannot be carried.

        Raises:
            ValueError: The quality is out of its range.
            ImageError: The image cannot be read or is of a kind that the codec does not carry.
            LimitExceeded: It is too large.
        """
        if not 0 <= quality <= 100:
            raise ValueError(f"quality is {quality}, must be within 0 .. 100")
        hundredths = round(quality * 100)
        with self._stopwatch.stage("image"):
            planes = read_image(image, settings or ImageSettings(max_pixels=self.max_pixels, max_dim=self.max_dim))
            if planes is not image:
                warn_of_losses(planes)
        with self._computing():
            latents = self._pipeline.encode(planes.colour, hundredths)
        with self._stopwatch.stage("image"):
            data = pack_learned(planes, latents, hundredths, self.fingerprint, source)
            return min(pack_lossless(planes, source), data, key=len) if planes.is_graphic else data

    def decompress(self, data: bytes) -> Image.Image:
        """Decompresses a .cnc file that was made with this codec's model, or with none.

        Args:
            data: The whole file.

        Returns:
            Image of mode 1, L, LA, RGB or RGBA, as it went in, with ``icc_profile``, ``exif`` and ``xmp`` in its
            ``info`` if it had them.

        Warns:
            FeatureLoss: A stored original is of a kind that is not read without loss; `decompress_file` gives it back.

        Raises:
            BitstreamError: The file is damaged, foreign or too new.
            UnknownModel: It was made with another model.
            LimitExceeded: The image is too large.
        """
        return self._decompress(unpack(data))

    def decompress_file(self, data: bytes) -> Decoded:
        """Decompresses a .cnc file as `decompress` does, but gives a stored original back bit for bit."""
        container = unpack(data)
        return unpack_original(container) or self._decompress(container)

    def _decompress(self, container: Container) -> Image.Image:
        header = container.header
        check_limits(header, self.max_pixels, self.max_dim)
        image = unpack_image(container)
        if image is not None:
            return image
        if header.fingerprint != self.fingerprint:
            raise UnknownModel(
                f"made with model {header.fingerprint.hex()}, not with {self.fingerprint.hex()} ({self.model})"
            )
        size = (header.height, header.width)
        with self._computing():
            colour = self._pipeline.decode(container.payload(ChunkType.LATENTS), size, header.quality_hundredths)
        with self._stopwatch.stage("image"):
            return unpack_learned(container, colour)

    def _computing(self) -> AbstractContextManager[None]:
        from cnncompress.devices import computing

        return computing(self.precision, self.device)


def compress(
    image: ImageSource,
    quality: float = DEFAULT_QUALITY,
    *,
    lossless: bool = False,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    settings: ImageSettings | None = None,
    source: SourceRecord | None = None,
) -> bytes:
    """Compresses one image; arguments and errors as in `Codec` and `Codec.compress`.

    Each call loads the model: for many images keep a `Codec`. With ``lossless`` all planes come back as they are,
    ``quality`` does not count, and no model is loaded.
    """
    if not lossless:
        return Codec(model, device).compress(image, quality, settings=settings, source=source)
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
    data: bytes,
    *,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_dim: int = MAX_SIDE,
) -> Image.Image:
    """Decompresses one .cnc file, with the installed model that it names unless one is given.

    Each call loads the model, if the file needs one: for many files keep a `Codec`. Arguments and errors as in `Codec`
    and `Codec.decompress`.
    """
    return _decompress(unpack(data), model, device, max_pixels, max_dim)


def decompress_file(
    data: bytes,
    *,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_dim: int = MAX_SIDE,
) -> Decoded:
    """Decompresses one .cnc file as `decompress` does, but gives a stored original back bit for bit."""
    container = unpack(data)
    return unpack_original(container) or _decompress(container, model, device, max_pixels, max_dim)


def _decompress(
    container: Container, model: str | os.PathLike[str] | None, device: str, max_pixels: int, max_dim: int
) -> Image.Image:
    check_limits(container.header, max_pixels, max_dim)
    image = unpack_image(container)
    if image is not None:
        return image
    if model is None:
        model = find_by_fingerprint(container.header.fingerprint)
    return Codec(model, device, max_pixels=max_pixels, max_dim=max_dim)._decompress(container)
