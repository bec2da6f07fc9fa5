"""A loaded model: images to .cnc bytes and back.

Torch is imported only for a GPU, or if it is asked for (docs/ENGINES.md). Threads may share a `Codec`; the same file
gives the same pixels in all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict

from PIL import Image

from cnncompress.api.callers import image_with_warnings, read_with_warnings
from cnncompress.api.checked import check_types, compress_with
from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.codec.codec import ModelCodec
from cnncompress.codec.encode_settings import DEFAULT_QUALITY, CodingChoice, EncodeSettings
from cnncompress.codec.encoding import ImageEncoder
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.stages import Stopwatch
from cnncompress.codec.targets import Target
from cnncompress.codec.together import FileDecoder, code_alike, decode_alike
from cnncompress.codec.unpacking import decode, parse
from cnncompress.engines.names import EngineName, Precision
from cnncompress.errors import UnknownModel
from cnncompress.files.inputs import FileSource
from cnncompress.images.limits import Limits
from cnncompress.images.settings import ImageSettings
from cnncompress.images.source import ImageSource
from cnncompress.images.view import View, parse_view
from cnncompress.named_errors import naming, naming_each
from cnncompress.units import hundredths_of


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
        check_types(device, limits)
        self._settings = ModelSettings(model, device, threads, engine, precision)
        self._codec = ModelCodec(self._settings, limits, stopwatch)

    def __reduce__(self) -> tuple[Callable[..., Codec], tuple[object, ...]]:
        """Returns how to make the codec again elsewhere; a stopwatch stays behind."""
        return _made_again, (self.fingerprint, self._settings.from_any_folder(), self.limits)

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
            image: Path, encoded bytes, binary stream, which is read from its beginning, Pillow image, uint8 array
                ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]``, or what `read_image` returned; ``settings`` are ignored
                then, and nothing is warned of.
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
            TypeError, ValueError, ImageError, LimitExceeded: As for `compress`, for one of the images; all are read
                before the first is coded.
        """
        encode_settings, hundredths = EncodeSettings(coding, exact=exact), hundredths_of(quality)
        settings = settings or ImageSettings(limits=self.limits)
        sources = list(images)
        planes = [read_with_warnings(image, settings) for image in sources]
        prepared = (
            ImageEncoder(each, hundredths, encode_settings, lambda: self._codec, settings.limits) for each in planes
        )
        encoders = list(naming_each(sources, prepared))
        code_alike(encoders)
        return list(naming_each(sources, (encoder.file() for encoder in encoders)))

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
            data: The whole file, its path, or a binary stream, which is read from its beginning.
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
            TypeError: What is given as the file is neither bytes, a path nor a binary stream.
            UnreadableImage: There is no such file, or it cannot be read.
            ValueError: Crop or scale are out of their range.
            OutsideImage: The image does not reach as far as the crop.
            BitstreamError: The file is damaged, foreign or too new; or, with ``keep_going``, no part of the image is
                intact.
            UnknownModel: It was made with another model.
            LimitExceeded: The image is too large.
        """
        view = parse_view(crop, scale)
        with naming(data):
            parsed = parse(data, keep_going=keep_going)
            decoded = decode(parsed, view, self.limits, lambda _: self._codec, progress, self._codec.stopwatch)
        return image_with_warnings(decoded)

    def decompress_all(self, files: Iterable[FileSource]) -> list[Image.Image]:
        """Decompresses files; on a GPU those of one size and quality go through the networks together.

        Args:
            files: Each as for `decompress`. All are in memory at the same time.

        Returns:
            Their images, in order.

        Warns:
            FeatureLoss, PartLost: As for `decompress`.

        Raises:
            TypeError, UnreadableImage, BitstreamError, UnknownModel, LimitExceeded: As for `decompress`, for one of the
                files; all are parsed before the first is decoded.
        """
        sources = list(files)
        parsed = list(naming_each(sources, map(parse, sources)))
        decoders = [FileDecoder(each, View(), self.limits, lambda _: self._codec) for each in parsed]
        decode_alike(decoders)
        decoded = (decoder.decode(stopwatch=self._codec.stopwatch) for decoder in decoders)
        return [image_with_warnings(each) for each in naming_each(sources, decoded)]


def _made_again(fingerprint: bytes, made_with: ModelSettings, limits: Limits) -> Codec:
    codec = Codec(**asdict(made_with), limits=limits)  # a setting that it did not take would be an error
    if codec.fingerprint != fingerprint:
        raise UnknownModel(f"the codec was made with model {fingerprint.hex()}, here it is {codec.fingerprint.hex()}")
    return codec
