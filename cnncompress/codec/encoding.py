"""From a picture to its .cnc file: in which coding, and at which quality.

Photographs are coded with a model. For a picture with flat areas (a screenshot, a plot, a page of text) two other
codings compete with it: all planes without loss, and AVIF that is as good by PSNR or better. The smallest file wins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.codec.avif_coder import AvifCoder
from cnncompress.codec.graphics import has_flat_areas, lossless_bpp
from cnncompress.codec.packing import pack_lossless
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.rate_search import expected_psnr, psnr_of, reach
from cnncompress.codec.settings import EncodeSettings
from cnncompress.codec.targets import Target, TargetPsnr, bytes_allowed
from cnncompress.errors import Unreachable
from cnncompress.images.source import Plane, SourceImage
from cnncompress.units import Hundredths

if TYPE_CHECKING:
    from cnncompress.codec.codec import ModelCodec

AVIF_SHARE = 0.9
"""AVIF is chosen where it needs at most this share of the bytes of the learned file."""

NOISY_BPP = 3.5
"""Below this rate no lossless file of a picture without flat areas is smaller; the least measured is 5.3 (CID22)."""


class ImageCoder(Protocol):
    """Codes one image in one coding at any quality."""

    def file_at(self, quality: Hundredths) -> bytes:
        """Makes a whole .cnc file."""
        ...

    def colours_of(self, data: bytes) -> Plane:
        """Decodes the colours of a file that it made: uint8 ``[H, W, 3]``."""
        ...


def encode(
    image: SourceImage,
    wanted: Hundredths | Target,
    settings: EncodeSettings,
    model: Callable[[], ModelCodec],
    source: SourceRecord | None = None,
    progress: Progress = unwatched,
) -> bytes:
    """Makes a .cnc file.

    Args:
        image: What is coded.
        wanted: A quality, or the target that one is searched for. Without loss neither counts.
        settings: How it is coded.
        model: Returns the model; is called if the learned coding is used.
        source: Kept in the file.
        progress: Called after each step of the learned coding.

    Raises:
        LimitExceeded: It would take too much memory, or has too many tiles.
        Unreachable: No quality meets the target.
        ModelError, DeviceError: As raised by ``model``.
    """
    if settings.coding == "lossless":
        return pack_lossless(image, source)
    if settings.coding == "avif":
        return _file(AvifCoder(image, source), wanted, image)
    learned = model().coder(image, settings, source, progress, searches=isinstance(wanted, Target))
    if settings.coding == "learned":
        return _file(learned, wanted, image)
    if image.is_graphic or has_flat_areas(image.colour):
        lossless, avif = pack_lossless(image, source), AvifCoder(image, source)
        if isinstance(wanted, Target):
            return _best_for_target(image, wanted, [learned, avif], lossless)
        return min(lossless, _smaller(image, learned, avif, wanted), key=len)
    data = _file(learned, wanted, image)
    width, height = image.size
    bpp = 8 * len(data) / (width * height)
    if isinstance(wanted, Target) or bpp < NOISY_BPP or lossless_bpp(image.colour) > bpp:
        return data
    return min(pack_lossless(image, source), data, key=len)


def _file(coder: ImageCoder, wanted: Hundredths | Target, image: SourceImage) -> bytes:
    if isinstance(wanted, Target):
        return reach(wanted, image, coder.file_at, coder.colours_of)
    return coder.file_at(wanted)


def _smaller(image: SourceImage, learned: ImageCoder, avif: AvifCoder, quality: Hundredths) -> bytes:
    """The learned file, or an AVIF one that is as good and clearly smaller."""
    data = learned.file_at(quality)
    if not avif.can_code:
        return data
    # A quality means on a drawing at least what it means on a photograph.
    decibels = max(psnr_of(image, learned.colours_of(data)), expected_psnr(quality / 100))
    matched = avif.file_of_psnr(decibels, quality)
    return matched if matched is not None and len(matched) <= AVIF_SHARE * len(data) else data


def _best_for_target(image: SourceImage, target: Target, coders: Sequence[ImageCoder], lossless: bytes) -> bytes:
    width, height = image.size
    if not isinstance(target, TargetPsnr) and len(lossless) <= bytes_allowed(target, width * height):
        return lossless
    found: list[tuple[bytes, ImageCoder]] = []
    missed: list[Unreachable] = []
    for coder in coders:
        try:
            found.append((_file(coder, target, image), coder))
        except Unreachable as error:
            missed.append(error)
    if isinstance(target, TargetPsnr):
        return min([lossless, *(data for data, _ in found)], key=len)
    if not found:
        raise missed[0]
    return max(found, key=lambda each: psnr_of(image, each[1].colours_of(each[0])))[0]
