"""The Python interface: images to .cnc bytes and back."""

from __future__ import annotations

import os

from PIL import Image

from cnncompress.codec.container import Chunk, ChunkType, Container, Header, pack, unpack
from cnncompress.codec.entropy import EntropyModel
from cnncompress.codec.latents import LatentTransform, NoStopwatch, Stopwatch
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.devices import resolve_device
from cnncompress.errors import LimitExceeded, UnknownModel
from cnncompress.images import (
    DEFAULT_MAX_PIXELS,
    ImageSource,
    decode_alpha,
    encode_alpha,
    read_image,
    to_image,
)
from cnncompress.info import Info, probe
from cnncompress.weights import find_by_fingerprint, load_weights

__all__ = ["Codec", "Info", "compress", "decompress", "probe"]


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
        stopwatch: Stopwatch | None = None,
    ) -> None:
        """Loads a model.

        Args:
            model: Name of an installed model, path of a weights file, or None for the default.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
            max_pixels: Largest width times height that is coded or decoded.
            stopwatch: Told of the stages "image", "analysis", "hyper", "context", "synthesis" and "rans".

        Raises:
            ModelError: The model is unknown or its file is damaged.
            DeviceError: The device is not there.
        """
        self.device = resolve_device(device)
        self.max_pixels = max_pixels
        self._stopwatch = stopwatch or NoStopwatch()
        weights = load_weights(os.fspath(model) if isinstance(model, os.PathLike) else model)
        self.model = weights.name
        self.fingerprint = weights.fingerprint
        transform = LatentTransform(weights.network, weights.scales, self.device, self._stopwatch)
        self._pipeline = ImagePipeline(transform, EntropyModel(weights.tables))

    def compress(self, image: ImageSource, quality: float = 50) -> bytes:
        """Compresses an image.

        Args:
            image: Path, encoded bytes, Pillow image, or uint8 array ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]``.
            quality: 0 (smallest) .. 100 (best), kept in hundredths.

        Returns:
            A .cnc file.

        Raises:
            ValueError: The quality is out of its range.
            ImageError: The image cannot be read or is of a kind that the codec does not carry.
            LimitExceeded: It is too large.
        """
        if not 0 <= quality <= 100:
            raise ValueError(f"quality is {quality}, must be within 0 .. 100")
        hundredths = round(quality * 100)
        with self._stopwatch.stage("image"):
            source = read_image(image, max_pixels=self.max_pixels)
        chunks = [Chunk(ChunkType.LATENTS, self._pipeline.encode(source.colour, hundredths))]
        with self._stopwatch.stage("image"):
            if source.alpha is not None:
                chunks.append(Chunk(ChunkType.ALPHA, encode_alpha(source.alpha)))
            height, width = source.colour.shape[:2]
            header = Header(source.layout, width, height, hundredths, self.fingerprint)
            return pack(Container(header, tuple(chunks)))

    def decompress(self, data: bytes) -> Image.Image:
        """Decompresses a .cnc file that was made with this codec's model.

        Args:
            data: The whole file.

        Returns:
            Image of mode L, LA, RGB or RGBA, as it went in.

        Raises:
            BitstreamError: The file is damaged, foreign or too new.
            UnknownModel: It was made with another model.
            LimitExceeded: The image is too large.
        """
        container = unpack(data)
        header = container.header
        if header.width * header.height > self.max_pixels:
            raise LimitExceeded(f"{header.width}x{header.height} is more than the limit of {self.max_pixels} pixels")
        if header.fingerprint != self.fingerprint:
            raise UnknownModel(
                f"made with model {header.fingerprint.hex()}, not with {self.fingerprint.hex()} ({self.model})"
            )
        size = (header.height, header.width)
        colour = self._pipeline.decode(container.payload(ChunkType.LATENTS), size, header.quality_hundredths)
        with self._stopwatch.stage("image"):
            alpha = None
            if header.layout.has_alpha:
                alpha = decode_alpha(container.payload(ChunkType.ALPHA), header.width, header.height)
            return to_image(colour, alpha, header.layout)


def compress(
    image: ImageSource,
    quality: float = 50,
    *,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> bytes:
    """Compresses one image; arguments and errors as in `Codec` and `Codec.compress`.

    Each call loads the model: for many images keep a `Codec`.
    """
    return Codec(model, device).compress(image, quality)


def decompress(
    data: bytes,
    *,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> Image.Image:
    """Decompresses one .cnc file, with the installed model that it names unless one is given.

    Each call loads the model: for many files keep a `Codec`. Arguments and errors as in `Codec` and `Codec.decompress`.
    """
    if model is None:
        model = find_by_fingerprint(unpack(data).header.fingerprint)
    return Codec(model, device).decompress(data)
