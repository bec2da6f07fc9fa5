"""The codecs to measure: cnncompress and, through Pillow, the formats that people use today.

Settings are those of a careful user of each format, not its defaults where those are weak. Quality is always
"higher is better"; each ladder spans about 0.1 to more than 2 bits per pixel on photographs, as far as the format goes
so low (JPEG 0.15, JPEG XL 0.18).

===============  =====================================================  ============================
codec            settings                                               quality
===============  =====================================================  ============================
jpeg             4:2:0, optimised Huffman tables (libjpeg-turbo)        libjpeg's, 0..95
webp             lossy, method 6 (the slowest); always 4:2:0 (libwebp)  libwebp's, 0..100
jxl              lossy (XYB, 4:4:4), effort 7, the default (libjxl)     libjxl's, 0..100
avif             4:4:4, speed 6, the default (libaom inside libavif)    libavif's, 0..100
avif-psnr        the same, tuned for PSNR                               libavif's, 0..100
avif-slow        as avif, speed 4                                       libavif's, 0..100
avif-psnr-slow   as avif-psnr, speed 4                                  libavif's, 0..100
jpeg2000         irreversible wavelet and colours, 1 layer (OpenJPEG)   target in bits per pixel
cnc              cnncompress itself, through its public interface       0..100
===============  =====================================================  ============================

AVIF as people get it is tuned for looks (``tune=iq`` of libaom in libavif 1.4.2), which costs it about 8 % of rate
where PSNR is the measure; ``avif-psnr`` is the peer to compare PSNR with, ``avif`` the one for looks.

JPEG 2000 is driven by rate, as in the published Kodak tables: a constant PSNR on every image would spend
nearly all bits on the hard ones and put the averaged curve 2 dB lower. Without ``mct=1`` Pillow codes R, G
and B as three unrelated planes, which costs 3.7 dB at 0.8 bpp.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import PIL
from PIL import Image

from cnncompress.errors import CnncompressError, MissingPackage, PlanError
from cnncompress.evaluation.cnc_codec import CncCodec, CncSettings
from cnncompress.evaluation.libraries import JPEG_XL_PACKAGE, library_versions
from cnncompress.evaluation.metrics import INSTALL
from cnncompress.evaluation.names import CNC, CODECS
from cnncompress.images.pillow_limit import limit_lifted

_AVIF_QUALITIES = (5, 10, 20, 30, 40, 50, 60, 75, 90)


class MeasurementError(CnncompressError):
    """A codec or a command that is measured does not do what it should."""


class ImageCodec(Protocol):
    """What every codec offers to be measured."""

    @property
    def name(self) -> str:
        """Short name, used in tables and results."""

    @property
    def settings(self) -> str:
        """One line on how it is driven."""

    @property
    def fingerprint(self) -> str | None:
        """First 8 hexadecimal digits of the SHA-256 of its weights; None for a codec without weights."""

    @property
    def qualities(self) -> tuple[float, ...]:
        """Qualities to measure, from the smallest file to the largest."""

    def load(self) -> None:
        """Loads the weights, if the codec has any; called or not, the other methods work."""

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """Encodes an 8-bit RGB image as a whole file."""

    def decode(self, data: bytes) -> Image.Image:
        """Decodes a file that `encode` made to an 8-bit RGB image."""


@dataclass(frozen=True)
class PillowCodec:
    """A format that Pillow reads and writes.

    Attributes:
        name: See `ImageCodec`.
        settings: See `ImageCodec`; with the versions of Pillow and of the library that codes.
        qualities: See `ImageCodec`.
        pillow_format: Pillow's name of the format.
        options: Turns a quality into arguments of `Image.save`.
        plugin: The module that teaches Pillow the format, where it needs one; see `find_codec`.
    """

    name: str
    settings: str
    qualities: tuple[float, ...]
    pillow_format: str
    options: Callable[[float], dict[str, Any]] = field(repr=False)
    plugin: str | None = None

    def load(self) -> None:
        """Does nothing."""

    @property
    def fingerprint(self) -> None:
        """See `ImageCodec`."""
        return None

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """Encodes an 8-bit RGB image as a whole file."""
        buffer = io.BytesIO()
        image.save(buffer, format=self.pillow_format, **self.options(quality))
        return buffer.getvalue()

    def decode(self, data: bytes) -> Image.Image:
        """Decodes a file that `encode` made to an 8-bit RGB image."""
        with limit_lifted(), Image.open(io.BytesIO(data), formats=[self.pillow_format]) as image:
            return image.convert("RGB")


def pillow_codecs() -> tuple[PillowCodec, ...]:
    """Returns the peers, in the order of the tables."""
    versions = {"Pillow": PIL.__version__, **library_versions()}

    def settings(text: str, *libraries: str) -> str:
        used = [f"{library} {versions[library]}" for library in ("Pillow", *libraries) if library in versions]
        return f"{text} ({', '.join(used)})"

    def avif(name: str, speed: int, tune: str | None = None) -> PillowCodec:
        tuned: dict[str, Any] = {} if tune is None else {"codec": "aom", "advanced": {"tune": tune}}
        return PillowCodec(
            name,
            settings(f"AVIF, 4:4:4, speed {speed}, {f'tune={tune}' if tune else 'default tune'}", "libavif", "libaom"),
            _AVIF_QUALITIES,
            "AVIF",
            lambda quality: {"quality": round(quality), "subsampling": "4:4:4", "speed": speed, **tuned},
        )

    return (
        PillowCodec(
            "jpeg",
            settings("JPEG, 4:2:0, optimize", "libjpeg-turbo"),
            (5, 10, 20, 35, 50, 65, 80, 90, 95),
            "JPEG",
            lambda quality: {"quality": round(quality), "subsampling": "4:2:0", "optimize": True},
        ),
        PillowCodec(
            "webp",
            settings("WebP, lossy, method 6", "libwebp"),
            (0, 5, 15, 30, 50, 70, 80, 90, 95),
            "WEBP",
            lambda quality: {"quality": round(quality), "lossless": False, "method": 6},
        ),
        PillowCodec(
            "jxl",
            settings("JPEG XL, lossy, effort 7", "libjxl"),
            (0, 10, 25, 40, 55, 70, 80, 90, 95),
            "JXL",
            # One thread, the calling one: the plugin counts processors, whatever the process is held to.
            lambda quality: {"quality": round(quality), "effort": 7, "num_threads": 0},
            plugin="pillow_jxl",
        ),
        avif("avif", 6),
        avif("avif-psnr", 6, "psnr"),
        avif("avif-slow", 4),
        avif("avif-psnr-slow", 4, "psnr"),
        PillowCodec(
            "jpeg2000",
            settings("JPEG 2000, irreversible, colour transform, rate-driven", "OpenJPEG"),
            (0.1, 0.15, 0.25, 0.4, 0.7, 1.0, 1.5, 2.2, 3.0),
            "JPEG2000",
            lambda quality: {
                "quality_mode": "rates",
                "quality_layers": [24.0 / quality],  # OpenJPEG wants the ratio to 24 bits per pixel
                "irreversible": True,
                "mct": 1,
            },
        ),
    )


def find_codec(
    name: str,
    cnc: CncSettings = CncSettings(),  # noqa: B008 - frozen
    points: int | None = None,
) -> ImageCodec:
    """Returns the codec with a name.

    Args:
        name: One of `cnncompress.evaluation.names.CODECS`.
        cnc: How cnncompress is driven, if it is the one.
        points: At most so many qualities, 2 or more, evenly spread over the ladder; not for ``cnc``.

    Raises:
        PlanError: No such codec.
        MissingPackage: The plugin that it needs is not installed, or this Pillow was built without it.
    """
    if name == CNC:
        return CncCodec(cnc)
    for codec in pillow_codecs():
        if codec.name == name:
            if codec.plugin is not None:
                _load_plugin(name, codec.plugin)
            Image.init()
            if codec.pillow_format not in Image.SAVE or codec.pillow_format not in Image.OPEN:
                raise MissingPackage(f"the codec {name!r} needs a build of Pillow with {codec.pillow_format}")
            return codec if points is None else replace(codec, qualities=_spread(codec.qualities, points))
    raise PlanError(f"no codec {name!r}; the codecs are {', '.join(CODECS)}")


def _spread(qualities: tuple[float, ...], points: int) -> tuple[float, ...]:
    """Returns both ends and evenly spread values between them."""
    steps = min(points, len(qualities)) - 1
    return tuple(qualities[round(step * (len(qualities) - 1) / steps)] for step in range(steps + 1))


def _load_plugin(codec: str, module: str) -> None:
    """Imports a plugin of Pillow, which then knows its format."""
    if importlib.util.find_spec(module) is None:
        raise MissingPackage(f"the codec {codec!r} needs {JPEG_XL_PACKAGE}: {INSTALL}")
    importlib.import_module(module)
