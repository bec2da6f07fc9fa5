"""Codes a picture with cnncompress at several qualities, and with other codecs at as many bytes, and measures both."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnncompress.codec.bit_map import BitMap
from cnncompress.cpu_count import available_cores
from cnncompress.evaluation.equal_bytes import EncodedFile, SizeSearch
from cnncompress.evaluation.error_map import ErrorMapper
from cnncompress.evaluation.metrics import SSIMULACRA2_MIN_SIDE, psnr
from cnncompress.evaluation.peers import ImageCodec
from cnncompress.evaluation.pixels import Pixels
from cnncompress.evaluation.sources import load_rgb
from cnncompress.units import bits_per_pixel

_MAP_BYTES = 210
"""Bytes that computing an error map takes for each pixel."""
_MAP_MEMORY = 4 << 30
"""Bytes that error maps computed at the same time may take."""


@dataclass(frozen=True)
class Version:
    """A picture as one codec gives it back.

    Attributes:
        codec: Name of the codec.
        quality: The codec's own, as in `AtQuality` for cnncompress; 1 to 100 for the others.
        data: The whole file.
        pixels: uint8 ``[H, W, 3]``, decoded.
        encode_seconds: Pixels in memory to bytes in memory, once.
        decode_seconds: Bytes in memory to pixels in memory, once.
        psnr: In dB; None if the pixels are those of the original, or before it is measured.
        ssimulacra2: None if it was not computed, or the picture is too small.
        errors: float32 ``[H, W]``, the error map of SSIMULACRA2; None as for `ssimulacra2`.
        bits: Bits of each block of 16x16 pixels; None for other codecs, and for a file that no model coded.
    """

    codec: str
    quality: float
    data: bytes
    pixels: Pixels
    encode_seconds: float
    decode_seconds: float
    psnr: float | None = None
    ssimulacra2: float | None = None
    errors: NDArray[np.float32] | None = None
    bits: BitMap | None = None

    @property
    def bpp(self) -> float:
        """Rate of the whole file in bits per pixel."""
        height, width = self.pixels.shape[:2]
        return bits_per_pixel(len(self.data), width, height)


@dataclass(frozen=True)
class AtQuality:
    """A quality of cnncompress, the version that it gives, and those of the others with as many bytes or more.

    A codec whose largest file has fewer bytes is there with that.

    Attributes:
        quality: ``0 .. 100``.
        versions: That of cnncompress first.
    """

    quality: float
    versions: tuple[Version, ...]


@dataclass(frozen=True)
class Original:
    """A picture before it is coded.

    Attributes:
        name: Of its file.
        file_bytes: Of its file.
        pixels: uint8 ``[H, W, 3]``.
    """

    name: str
    file_bytes: int
    pixels: Pixels


def load_original(path: Path) -> Original:
    """Loads a picture.

    Raises:
        ImageError, LimitExceeded: It cannot be read.
    """
    pixels = np.asarray(load_rgb(path))
    return Original(path.name, path.stat().st_size, pixels)


def steps_of(codecs: int, qualities: int) -> int:
    """How often `measure_qualities` calls its ``progress``."""
    return 2 * codecs * qualities


def measure_qualities(
    original: Original,
    own: ImageCodec,
    peers: Sequence[ImageCodec],
    qualities: Sequence[float],
    bit_map: Callable[[bytes], BitMap | None],
    *,
    with_errors: bool,
    progress: Callable[[], object] = lambda: None,
) -> Iterator[AtQuality]:
    """Codes and measures one picture, quality by quality, so that not all of its versions are held at once.

    Times are of one run each, on all cores as far as the codec uses them, one codec after the other.

    Args:
        original: The picture.
        own: The codec of cnncompress.
        peers: Codecs whose quality is ``1 .. 100``.
        qualities: Of `own`.
        bit_map: Counts the bits of a file of `own`; None if no model coded it.
        with_errors: Whether SSIMULACRA2 and its error maps are computed.
        progress: Called after each picture coded, and each one measured.

    Yields:
        The versions by rising quality.
    """
    image = Image.fromarray(original.pixels)
    searches = [SizeSearch(peer, image) for peer in peers]
    mapper = ErrorMapper(original.pixels) if with_errors and min(image.size) >= SSIMULACRA2_MIN_SIDE else None
    own.decode(own.encode(image, qualities[0]))  # the nets are loaded when they are first needed

    def coded(quality: float) -> list[Version]:
        start = time.perf_counter()
        data = own.encode(image, quality)
        found = [_decoded(own, EncodedFile(quality, data, time.perf_counter() - start))]
        progress()
        for peer, search in zip(peers, searches, strict=True):
            found.append(_decoded(peer, search.at_least(len(data))))
            progress()
        return found

    def measured(version: Version) -> Version:
        errors = None if mapper is None else mapper(version.pixels)
        ratio = psnr(original.pixels, version.pixels)
        version = replace(
            version,
            psnr=ratio if math.isfinite(ratio) else None,
            ssimulacra2=None if errors is None else errors.score,
            errors=None if errors is None else errors.errors,
            bits=bit_map(version.data) if version.codec == own.name else None,
        )
        progress()
        return version

    at_once = max(1, min(available_cores(), _MAP_MEMORY // (_MAP_BYTES * image.width * image.height)))
    with ThreadPoolExecutor(at_once) as pool:
        for quality in sorted(qualities):
            yield AtQuality(quality, tuple(pool.map(measured, coded(quality))))


def _decoded(codec: ImageCodec, file: EncodedFile) -> Version:
    start = time.perf_counter()
    image: Image.Image = codec.decode(file.data)
    pixels = np.asarray(image)
    return Version(codec.name, file.quality, file.data, pixels, file.seconds, time.perf_counter() - start)
