"""Encodes images to .cnc files: chooses the coding, and the quality for a target.

Photographs are encoded with a model. For a picture with flat areas (a screenshot, a plot, a page of text) two other
codings compete with it: AVIF and lossless.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.codec.avif_coder import AvifCoder
from cnncompress.codec.encode_settings import EncodeSettings
from cnncompress.codec.memory import avif_bytes, plain_bytes
from cnncompress.codec.packing import pack_lossless
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.rate_search import psnr_of
from cnncompress.codec.targets import Target, TargetPsnr, bytes_allowed
from cnncompress.codec.worst_parts import has_parts, worst_parts
from cnncompress.errors import Unreachable
from cnncompress.images.avif import check_avif_size, is_avif_size
from cnncompress.images.graphics import has_flat_areas, lossless_bpp
from cnncompress.images.limits import Limits
from cnncompress.images.source import Plane, SourceImage
from cnncompress.images.unseen import with_gray_layout, with_hidden_colours_filled
from cnncompress.units import Hundredths

if TYPE_CHECKING:
    from cnncompress.codec.codec import LearnedCoder, ModelCodec

WORTHWHILE = 0.9
"""AVIF is used if it needs at most this share of the learned file's bytes, and a lossy file if it needs at most this
share of the lossless file's."""

CLEARLY_BETTER = 3.0
"""PSNR by which AVIF of the same quality must be better, in dB, to be used whatever its size."""

PART_MARGIN = 1.0
"""PSNR by which AVIF must be better in parts of an image, in dB, beyond what is asked of the whole. On screenshots the
difference between the two codings is at most 0.7 dB smaller in the whole image than in the parts."""

PART_WORTHWHILE = 0.8
"""As `WORTHWHILE`, for parts. On screenshots AVIF's share of the bytes is at most 0.02 larger in the whole image."""

LOSSLESS_MARGIN = 0.75
"""Smallest assumed ratio of a lossless file's rate to its estimate; on photographs it is at least 0.9."""


class ImageCoder(Protocol):
    """Encodes one image in one coding, at any quality."""

    def file_at(self, quality: Hundredths) -> bytes:
        """Returns the .cnc file of a quality."""
        ...

    def file_for(self, target: Target) -> bytes:
        """Returns a file that meets a target.

        Raises:
            Unreachable: No quality meets the target.
        """
        ...

    def colours_of(self, data: bytes) -> Plane:
        """Decodes the colours of one of its files: uint8 ``[H, W, 3]``."""
        ...


class ImageEncoder:
    """Encodes one image to a .cnc file.

    Attributes:
        pixels: Number of pixels of the image.
        wanted: Quality of the file, or the target for the search of a quality.
        learned: Encodes the image with a model; None if no model is needed.
        pixels_at_once: Largest number of pixels of a batch with this image; 0 if it cannot be part of one.
    """

    def __init__(
        self,
        image: SourceImage,
        wanted: Hundredths | Target,
        settings: EncodeSettings,
        model: Callable[[], ModelCodec],
        limits: Limits,
        source: SourceRecord | None = None,
        progress: Progress = unwatched,
    ) -> None:
        """Encodes nothing yet.

        Args:
            image: The image.
            wanted: A quality, or a target for the search of a quality. Ignored for lossless.
            settings: Settings for encoding.
            model: Returns the model; called if the learned coding is used.
            limits: Limit on memory for encoding, and for decoding the file.
            source: Source record for the file.
            progress: Called after each step of the learned coding, and after each trial with AVIF.

        Raises:
            LimitExceeded: The image would take too much memory, has too many tiles, or is too large for AVIF.
            ModelError, DeviceError: As raised by ``model``.
        """
        self.pixels = image.size[0] * image.size[1]
        self.wanted = wanted
        self._coding = settings.coding
        self._settings = settings
        self._model = model
        self._limits = limits
        self._source = source
        self._progress = progress
        self._original = image = with_gray_layout(image)
        self.learned: LearnedCoder | None = None
        self.pixels_at_once = 0
        if self._coding != "lossless" and not settings.exact:
            image = with_hidden_colours_filled(image)
        self._image = image
        if self._coding == "lossless":
            limits.check_memory(plain_bytes(self.pixels))
        elif self._coding == "avif":
            check_avif_size(*image.size)
            limits.check_memory(avif_bytes(self.pixels))
        else:
            searches = isinstance(wanted, Target)
            self.learned = model().coder(image, settings, limits, source, progress, searches=searches)
            self.pixels_at_once = 0 if searches else self.learned.pixels_at_once

    def file(self) -> bytes:
        """Returns the file.

        Raises:
            Unreachable: No quality meets the target.
            ModelError, DeviceError: As raised by the model.
        """
        wanted = self.wanted
        if self.learned is None:
            return _file(self._avif(), wanted) if self._coding == "avif" else self._lossless()
        if self._coding == "learned":
            return _file(self.learned, wanted)
        is_plain_possible = plain_bytes(self.pixels) <= self._limits.memory
        if is_plain_possible and (self._image.is_graphic or has_flat_areas(self._image.colour)):
            fits = avif_bytes(self.pixels) <= self._limits.memory and is_avif_size(*self._image.size)
            avif = self._avif() if fits else None
            if isinstance(wanted, Target):
                coders: list[ImageCoder] = [self.learned] if avif is None else [self.learned, avif]
                return _best_for_target(self._image, wanted, coders, self._lossless())
            return _graphics(self._image, self.learned, avif, wanted, self._lossless(), self._learned_part)
        data = _file(self.learned, wanted)
        bpp = 8 * len(data) / self.pixels
        if not is_plain_possible or lossless_bpp(self._image.colour) * LOSSLESS_MARGIN > bpp:
            return data
        return min(self._lossless(), data, key=len)

    def _learned_part(self, part: SourceImage) -> ImageCoder:
        return self._model().coder(part, replace(self._settings, effort=0), self._limits)

    def _lossless(self) -> bytes:
        return pack_lossless(self._original, self._source)

    def _avif(self) -> AvifCoder:
        return AvifCoder(self._image, self._source, self._progress)


def _file(coder: ImageCoder, wanted: Hundredths | Target) -> bytes:
    return coder.file_for(wanted) if isinstance(wanted, Target) else coder.file_at(wanted)


def _graphics(
    image: SourceImage,
    learned: ImageCoder,
    avif: AvifCoder | None,
    quality: Hundredths,
    lossless: bytes,
    learned_part: Callable[[SourceImage], ImageCoder],
) -> bytes:
    data = learned.file_at(quality) if avif is None else _learned_or_avif(image, learned, avif, quality, learned_part)
    return data if len(data) <= WORTHWHILE * len(lossless) else lossless


def _learned_or_avif(
    image: SourceImage,
    learned: ImageCoder,
    avif: AvifCoder,
    quality: Hundredths,
    learned_part: Callable[[SourceImage], ImageCoder],
) -> bytes:
    if has_parts(image):
        natural = avif.file_at(quality)
        if _is_clearly_better(image, avif.colours_of(natural), quality, learned_part):
            return natural
    return _avif_if_better(learned.file_at(quality), image, learned, avif, quality)


def _avif_if_better(
    data: bytes, image: SourceImage, learned: ImageCoder, avif: AvifCoder, quality: Hundredths
) -> bytes:
    """Returns the learned file, or AVIF if it needs clearly fewer bytes at the same PSNR, or is clearly better.

    AVIF is written at the requested quality, not at the PSNR of the learned file, which loses most of letters and
    lines. So a quality means about the same for all pictures, and repeated compression converges.
    """
    decibels, limit = psnr_of(image, learned.colours_of(data)), WORTHWHILE * len(data)
    natural = avif.file_at(quality)
    reached = psnr_of(image, avif.colours_of(natural))
    if reached >= decibels:
        return natural if len(natural) <= limit or reached >= decibels + CLEARLY_BETTER else data
    matched = avif.file_of_psnr(decibels, quality)
    return data if matched is None or len(matched) > limit else matched


def _is_clearly_better(
    image: SourceImage, decoded: Plane, quality: Hundredths, learned_part: Callable[[SourceImage], ImageCoder]
) -> bool:
    """Whether AVIF is so much better that the learned coding need not be tried on the whole image.

    The learned coding takes three times as long, so it is tried only on the parts with AVIF's largest errors.
    """
    part, as_avif = worst_parts(image, decoded)
    coder = learned_part(part)
    data = coder.file_at(quality)
    ahead = psnr_of(part, as_avif) - psnr_of(part, coder.colours_of(data))
    if ahead >= CLEARLY_BETTER + PART_MARGIN:
        return True
    return ahead >= PART_MARGIN and len(AvifCoder(part).file_at(quality)) <= PART_WORTHWHILE * len(data)


def _best_for_target(image: SourceImage, target: Target, coders: Sequence[ImageCoder], lossless: bytes) -> bytes:
    width, height = image.size
    if not isinstance(target, TargetPsnr) and len(lossless) <= bytes_allowed(target, width * height):
        return lossless
    found: list[tuple[bytes, ImageCoder]] = []
    missed: list[Unreachable] = []
    for coder in coders:
        try:
            found.append((coder.file_for(target), coder))
        except Unreachable as error:
            missed.append(error)
    if isinstance(target, TargetPsnr):
        return min([lossless, *(data for data, _ in found)], key=len)
    if not found:
        raise missed[0]
    return max(found, key=lambda each: psnr_of(image, each[1].colours_of(each[0])))[0]
