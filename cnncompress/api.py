"""The Python interface: images to .cnc bytes and back.

Torch is imported only where a GPU or a search needs it (docs/ENGINES.md). Any number of threads may call what is here
at once, and share a `Codec`; the same file gives the same pixels in all of them.

This is the only place that warns. Whatever is below returns what was lost.
"""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, get_args

import PIL
from PIL import Image

from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.codec import ModelCodec
from cnncompress.codec.encode_settings import CodingChoice, EncodeSettings
from cnncompress.codec.encoding import encode
from cnncompress.codec.packing import pack_original
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.refinement.levels import MAX_EFFORT
from cnncompress.codec.stages import NoStopwatch, Stopwatch
from cnncompress.codec.targets import Target
from cnncompress.codec.together import decode_all, encode_all
from cnncompress.codec.unpacking import Decoded, OriginalFile, decode, original_of, parse
from cnncompress.engines.names import EngineName, Precision
from cnncompress.errors import FeatureLoss, PartLost, UnknownModel
from cnncompress.files import FileSource
from cnncompress.images import write
from cnncompress.images.limits import Limits
from cnncompress.images.read import read_image
from cnncompress.images.settings import ImageSettings
from cnncompress.images.source import ImageSource, SourceImage
from cnncompress.images.view import parse_view
from cnncompress.named_errors import naming
from cnncompress.units import Hundredths, hundredths_of

__all__ = [
    "DEFAULT_QUALITY",
    "MAX_EFFORT",
    "Codec",
    "compress",
    "compress_with",
    "decompress",
    "restore_original",
    "save_image",
    "store_original",
    "warn_caller",
]

DEFAULT_QUALITY = 60.0

_NOT_CALLERS = (f"{Path(__file__).parent}{os.sep}", f"{Path(PIL.__file__).parent}{os.sep}")


class Codec:
    """A loaded model, for any number of images.

    Threads may share a codec: coding keeps no state between calls. A process that is forked computes in one thread. For
    other processes a codec can be pickled: what it was made with travels, and the model is loaded there.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        device: str = "auto",
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        engine: EngineName = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        """Loads a model.

        Args:
            model: Name of an installed model, path of a weights file, or None for the default.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
            limits: How large an image may be that is coded or decoded.
            engine: What runs the networks: ``ncnn`` on a CPU, ``torch`` on a GPU or a CPU, or ``auto``
                (docs/ENGINES.md). Any of them decodes the files of any other.
            precision: What the networks compute in: ``fp32``, ``bf16`` (torch only), or ``auto``, which is fp32.
            threads: How many work on an image on a CPU; holds all of the process to them. By default one for each core.
            stopwatch: Told of the stages "image", "analysis", "hyper", "scales", "context", "synthesis" and "rans".

        Raises:
            TypeError: Device or limits are of another type.
            ModelError: The model is unknown or its file is damaged.
            DeviceError: The device is not there, or not one of the engine's.
            MissingPackage: Torch is needed and not installed.
            ValueError: There is no such engine or precision, or threads are no positive number.
        """
        _check_types(device, limits)
        self._made_with = (model, device, limits, engine, precision, threads)
        self._codec = ModelCodec(model, device, limits, engine, precision, threads, stopwatch)

    def __reduce__(self) -> tuple[Callable[..., Codec], tuple[object, ...]]:
        """Returns how to make the codec again elsewhere; a stopwatch stays behind."""
        model, *others = self._made_with
        if model is not None and Path(model).is_file():
            model = Path(model).absolute()
        return _made_again, (self.fingerprint, model, *others)

    def __repr__(self) -> str:
        """Names the model and the device."""
        return f"<cnncompress.Codec model={self.model} device={self.device}>"

    @property
    def model(self) -> str:
        """Name of the model."""
        return self._codec.model

    @property
    def fingerprint(self) -> bytes:
        """First 4 bytes of the SHA-256 of the weights, as files hold them."""
        return self._codec.fingerprint

    @property
    def device(self) -> str:
        """Where the networks run, such as ``cuda:0``."""
        return self._codec.device

    @property
    def limits(self) -> Limits:
        """How large an image may be."""
        return self._codec.limits

    def compress(
        self,
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
    ) -> bytes:
        """Compresses an image.

        Args:
            image: Path, encoded bytes, Pillow image, uint8 array ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]``, or what
                `read_image` returned; ``settings`` are ignored then, and nothing is warned of.
            quality: 0 (smallest) .. 100 (best), rounded to hundredths; 60 if there is no target.
            target: A size, rate or PSNR in place of a quality, which is then searched for.
            coding: ``learned`` for the model, ``lossless`` for every pixel as it is, ``avif``, or ``auto``: the model
                for photographs, and for pictures with flat areas, such as screenshots and plots, AVIF or no loss
                where that is worth it (docs/GRAPHICS.md).
            effort: 0 (a single pass) .. 9 (best picture for its bytes); docs/EFFORT.md says what it brings and takes.
            settings: How to read the image, and how large it may be; by default as it is, within the codec's limits.
            source: Ending and size of the image's file, to be kept in the file.
            tile: Side of the tiles that the image is cut into, 64, 128, .. 16384 pixels, or 0 for one tile; by default
                images of more than two megapixels get tiles of 1024. Tiles bound the memory, and parts of the image can
                be decoded without the rest.
            exact: Whether colours under an alpha of 0, which nobody sees, are coded as they are. By default the lossy
                codings fill them smoothly, which makes files smaller and edges better; ``lossless`` always keeps them.
            progress: Called with the steps done and their total after each: tiles, times the rounds of effort on each.
                `StopRefining` raised by it ends the effort, and what was found so far becomes the file.

        Returns:
            A .cnc file.

        Warns:
            FeatureLoss: Something about the image cannot be carried.
            PartLost: The image's file is damaged in a way that its decoder repairs.

        Raises:
            TypeError: Image or quality is of a type that it cannot have.
            ValueError: A value is out of its range, there are both a quality and a target, or a target for lossless.
            ImageError: The image cannot be read or is of a kind that the codec does not carry.
            LimitExceeded: It is too large.
            Unreachable: No quality meets the target.
        """
        return compress_with(
            lambda: self._codec,
            self.limits,
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
            stopwatch=self._codec.stopwatch,
        )

    def compress_all(
        self,
        images: Iterable[ImageSource],
        quality: float = DEFAULT_QUALITY,
        *,
        coding: CodingChoice = "auto",
        settings: ImageSettings | None = None,
        exact: bool = False,
    ) -> list[bytes]:
        """Compresses images at one quality; on a GPU those of one size go through the networks together.

        Args:
            images: Each as for `compress`. All are in memory at the same time.
            quality, coding, settings, exact: As for `compress`.

        Returns:
            Their .cnc files, in order. On a GPU the bytes of one may depend on those that it was coded with.

        Warns:
            FeatureLoss, PartLost: As for `compress`.

        Raises:
            TypeError, ValueError, ImageError, LimitExceeded: As for `compress`, for the first image that fails.
        """
        encode_settings = _encode_settings(coding, exact=exact)
        settings = settings or ImageSettings(limits=self.limits)
        planes = [_read(image, settings) for image in images]
        return encode_all(planes, hundredths_of(quality), encode_settings, lambda: self._codec, settings.limits)

    def decompress(
        self,
        data: FileSource,
        *,
        crop: tuple[int, int, int, int] | None = None,
        scale: float = 1.0,
        keep_going: bool = False,
        progress: Progress = unwatched,
    ) -> Image.Image:
        """Decompresses a .cnc file that was made with this codec's model, or with none.

        Args:
            data: The whole file, or its path.
            crop: Columns from the left, rows from the top, width and height of the part that is wanted. Only the tiles
                that it needs are decoded; its pixels are those that it has in the whole image.
            scale: 1, or 1/2, 1/4 or 1/8 for a preview, which takes about half the time. Not with a crop.
            keep_going: Whether a damaged or truncated file is decoded as far as it goes, gray where tiles are missing.
            progress: Called with the tiles done and their total after each tile.

        Returns:
            Image of mode 1, L, LA, RGB or RGBA, as it went in, with ``icc_profile``, ``exif`` and ``xmp`` in its
            ``info`` if it had them.

        Warns:
            FeatureLoss: A stored original is of a kind that is not read without loss; `restore_original` gives it back.
            PartLost: A part of a damaged file is missing, once for each, with its place; or bytes follow its end.

        Raises:
            TypeError: What is given as the file is neither bytes nor a path.
            UnreadableImage: There is no such file, or it cannot be read.
            ValueError: Crop or scale are out of their range.
            OutsideImage: The image does not reach as far as the crop.
            BitstreamError: The file is damaged, foreign or too new; nothing is left of it, if it is to be decoded all
                the same.
            UnknownModel: It was made with another model.
            LimitExceeded: The image is too large.
        """
        view = parse_view(crop, scale)
        with naming(data):
            parsed = parse(data, keep_going=keep_going)
            decoded = decode(parsed, view, self.limits, lambda _: self._codec, progress, self._codec.stopwatch)
        return _with_warnings(decoded)

    def decompress_all(self, files: Iterable[FileSource]) -> list[Image.Image]:
        """Decompresses files; on a GPU those of one size and quality go through the networks together.

        Args:
            files: Each as for `decompress`. All are in memory at the same time.

        Returns:
            Their images, in order.

        Warns:
            FeatureLoss, PartLost: As for `decompress`.

        Raises:
            TypeError, UnreadableImage, BitstreamError, UnknownModel, LimitExceeded: As for `decompress`, for the first
                file that fails.
        """
        parsed = []
        for file in files:
            with naming(file):
                parsed.append(parse(file))
        return [_with_warnings(decoded) for decoded in decode_all(parsed, self.limits, lambda _: self._codec)]


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
    _check_types(device, Limits())
    codecs = CodecCache(model, device)
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
    _check_types(device, limits)
    view = parse_view(crop, scale)
    with naming(data):
        decoded = CodecCache(model, device, limits).decode(parse(data, keep_going=keep_going), view, progress)
    return _with_warnings(decoded)


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
        data: The whole .cnc file, or its path.

    Raises:
        TypeError: It is neither bytes nor a path.
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
            it cannot be written; no part of a file is left.
    """
    with naming(target):
        losses = write.save_image(image, target, format, quality, overwrite=overwrite)
    warn_caller(FeatureLoss, losses)


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
    encode_settings = _encode_settings(coding, effort, tile, exact=exact)
    if coding == "lossless" and target is not None:
        raise ValueError("lossless and a target exclude each other")
    wanted = _wanted(quality, target)
    settings = settings or ImageSettings(limits=limits)
    with stopwatch.stage("image"):
        planes = _read(image, settings)
    return encode(planes, wanted, encode_settings, model, settings.limits, source, progress)


def _encode_settings(
    coding: CodingChoice, effort: int = 0, tile: int | None = None, *, exact: bool = False
) -> EncodeSettings:
    if coding not in get_args(CodingChoice):
        raise ValueError(f"coding is {coding!r}, expected one of {', '.join(get_args(CodingChoice))}")
    if effort not in range(MAX_EFFORT + 1):
        raise ValueError(f"effort is {effort}, must be within 0 .. {MAX_EFFORT}")
    return EncodeSettings(coding, effort, tile, exact)


def _made_again(
    fingerprint: bytes,
    model: str | os.PathLike[str] | None,
    device: str,
    limits: Limits,
    engine: EngineName,
    precision: Precision,
    threads: int | None,
) -> Codec:
    codec = Codec(model, device, limits=limits, engine=engine, precision=precision, threads=threads)
    if codec.fingerprint != fingerprint:
        raise UnknownModel(f"the codec was made with model {fingerprint.hex()}, here it is {codec.fingerprint.hex()}")
    return codec


def _check_types(device: object, limits: object) -> None:
    if not isinstance(device, str):
        raise TypeError(f"device is {device!r}, expected a name such as 'cpu' or 'cuda:0'")
    if not isinstance(limits, Limits):
        raise TypeError(f"limits is {limits!r}, expected a cnncompress.Limits")


def warn_caller(category: type[Warning], messages: Iterable[str]) -> None:
    """Warns in the name of the line that called this package, however far up it is; Pillow's lines do not count."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(_NOT_CALLERS):
        frame, level = frame.f_back, level + 1
    for message in messages:
        warnings.warn(message, category, stacklevel=level)


def _read(image: ImageSource, settings: ImageSettings) -> SourceImage:
    with naming(image):
        planes = read_image(image, settings)
    if planes is not image:
        warn_caller(FeatureLoss, planes.losses)
        warn_caller(PartLost, planes.damage)
    return planes


def _with_warnings(decoded: Decoded) -> Image.Image:
    warn_caller(FeatureLoss, decoded.feature_losses)
    warn_caller(PartLost, decoded.parts_lost)
    return decoded.image


def _wanted(quality: float | None, target: Target | None) -> Hundredths | Target:
    if target is None:
        return hundredths_of(DEFAULT_QUALITY if quality is None else quality)
    if not isinstance(target, Target):
        raise TypeError(f"target is {target!r}, must be a TargetSize, TargetBpp or TargetPsnr")
    if quality is not None:
        raise ValueError(f"there are both a quality, {quality}, and a target, which asks for a quality of its own")
    return target
