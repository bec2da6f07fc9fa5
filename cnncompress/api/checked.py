"""Checks the arguments of the Python interface, and compresses with them."""

from __future__ import annotations

from collections.abc import Callable

from cnncompress.api.callers import read_with_warnings
from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.codec.codec import ModelCodec
from cnncompress.codec.encode_settings import DEFAULT_QUALITY, CodingChoice, EncodeSettings
from cnncompress.codec.encoding import ImageEncoder
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.stages import NoStopwatch, Stopwatch
from cnncompress.codec.targets import Target
from cnncompress.images.limits import Limits
from cnncompress.images.settings import ImageSettings
from cnncompress.images.source import ImageSource
from cnncompress.named_errors import naming
from cnncompress.units import Hundredths, hundredths_of


def compress_with(
    model: Callable[[], ModelCodec],
    limits: Limits,
    image: ImageSource,
    quality: float | None = None,
    *,
    target: Target | None = None,
    coding: CodingChoice = "auto",
    effort: int = 0,
    settings: ImageSettings | None = None,
    source: SourceRecord | None = None,
    tile: int | None = None,
    exact: bool = False,
    progress: Progress = unwatched,
    stopwatch: Stopwatch = NoStopwatch(),  # noqa: B008 - has no state
) -> bytes:
    """Compresses an image with the model that a function returns; arguments and errors as in `Codec.compress`."""
    encode_settings = EncodeSettings(coding, effort, tile, exact)
    if coding == "lossless" and target is not None:
        raise ValueError("lossless and a target exclude each other")
    wanted = _wanted(quality, target)
    settings = settings or ImageSettings(limits=limits)
    with stopwatch.stage("image"):
        planes = read_with_warnings(image, settings)
    with naming(image):
        return ImageEncoder(planes, wanted, encode_settings, model, settings.limits, source, progress).file()


def check_device(device: object) -> None:
    """Raises `TypeError` if a device is not a name."""
    if not isinstance(device, str):
        raise TypeError(f"device is {device!r}, expected a name such as 'cpu' or 'cuda:0'")


def check_types(device: object, limits: object) -> None:
    """Raises `TypeError` if a device is not a name, or limits are none."""
    check_device(device)
    if not isinstance(limits, Limits):
        raise TypeError(f"limits is {limits!r}, expected a cnncompress.Limits")


def _wanted(quality: float | None, target: Target | None) -> Hundredths | Target:
    if target is None:
        return hundredths_of(DEFAULT_QUALITY if quality is None else quality)
    if not isinstance(target, Target):
        raise TypeError(f"target is {target!r}, must be a TargetSize, TargetBpp or TargetPsnr")
    if quality is not None:
        raise ValueError(f"there are both a quality, {quality}, and a target, which asks for a quality of its own")
    return target
