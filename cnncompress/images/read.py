"""Reads images: any format of Pillow's becomes upright 8-bit planes with metadata."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from cnncompress.bitstream.ancillary import Metadata
from cnncompress.bitstream.container import Layout
from cnncompress.errors import UnsupportedImage
from cnncompress.images import metadata
from cnncompress.images.deep_samples import DEEP_MODES, has_deep_samples
from cnncompress.images.fields.colours import ColourTag
from cnncompress.images.fields.findings import Fields
from cnncompress.images.fields.look import look_into
from cnncompress.images.guard import check_limits, decoder_errors, open_stream
from cnncompress.images.icc import make_profile
from cnncompress.images.mending import has_white_zero, restore_white, set_deep_planes
from cnncompress.images.modes import Planes, on_background, to_planes
from cnncompress.images.opening import check_frame, opened
from cnncompress.images.pillow_limit import limit_lifted
from cnncompress.images.remarks import decoder_lines
from cnncompress.images.settings import ImageSettings
from cnncompress.images.source import ImageSource, SourceImage, gray_as_rgb

# The transposition that makes an image upright, by the value of the EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# A PNG file without a profile may declare a gamma; viewers ignore it and assume that of sRGB.
_SRGB_GAMMA = 0.45455


def read_image(source: ImageSource, settings: ImageSettings = ImageSettings()) -> SourceImage:  # noqa: B008 - frozen
    """Reads an image and makes it upright.

    Args:
        source: A path, the bytes of a file, a binary stream, which is read from its beginning, a Pillow image, or a
            uint8 array ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]``, with which the result may share memory. An earlier
            result of this function is returned unchanged.
        settings: How to read the image.

    Raises:
        TypeError: The source is of another type.
        UnreadableImage: The file does not exist, or its bytes cannot be decoded.
        UnsupportedImage: The mode or the array is not supported; the file has several frames and the settings choose
            none, or one that it does not have; or the image must be converted with a loss and the settings are
            ``strict``.
        LimitExceeded: The image is larger than the settings allow.
    """
    if isinstance(source, SourceImage):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source, settings)
    if isinstance(source, Image.Image):
        with _at_frame(source, settings.frame):
            return _from_pillow(source, None, settings)
    with open_stream(source) as stream:
        fields = look_into(stream, settings.frame)
        with opened(stream, fields, settings) as (image, mended_stream), _at_frame(image, settings.frame):
            return _from_pillow(image, mended_stream, settings, fields)


def _from_array(array: npt.NDArray[np.uint8], settings: ImageSettings) -> SourceImage:
    colours = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and colours not in (3, 4)):
        raise UnsupportedImage(
            f"an array {array.dtype} {list(array.shape)} is not supported, "
            "expected uint8 [H, W], [H, W, 3] or [H, W, 4]"
        )
    settings.limits.check_size(array.shape[1], array.shape[0])
    if array.ndim == 2:
        return SourceImage(gray_as_rgb(array), None, Layout.GRAY)
    colour = np.ascontiguousarray(array[..., :3])
    if colours == 3:
        return SourceImage(colour, None, Layout.RGB)
    planes = Planes(colour, np.ascontiguousarray(array[..., 3]), Layout.RGBA)
    if settings.opaque_background is not None:
        planes = on_background(planes, settings.opaque_background)
    return SourceImage(planes.colour, planes.alpha, planes.layout, withheld=planes.alpha is None)


def _from_pillow(
    image: Image.Image,
    stream: IO[bytes] | None,
    settings: ImageSettings,
    fields: Fields = Fields(known=True),  # noqa: B008 - frozen
) -> SourceImage:
    check_limits(image, settings.limits)
    with decoder_errors("the image is damaged"):
        has_others = settings.frame is not None and getattr(image, "n_frames", 1) > 1
        deep = has_deep_samples(image, stream) and image.mode not in DEEP_MODES
    set_deep_planes(image)
    raw_mode = _raw_mode(image)
    with decoder_errors("the image is damaged or truncated"):
        with limit_lifted(), decoder_lines(image) as lines:
            image.load()
        image = image if stream is None else restore_white(image, stream)
        turn = _TURNS.get(_orientation(image))
        upright = image if turn is None else image.transpose(turn)
        settings.limits.check_size(upright.width, upright.height)
        planes = to_planes(upright, image.format, raw_mode, white_zero=has_white_zero(image))
        found = metadata.collect(image, settings.strip, turned=turn is not None, fields=fields)

    damage = (*fields.damage, *lines)
    losses = [f"more than 8 bits a sample (mode {image.mode}) are reduced to 8"] if deep else []
    losses += [planes.loss] if planes.loss else []
    losses += found.losses
    if "other" not in settings.strip:
        losses += fields.extras if settings.frame is not None else (*fields.pictures, *fields.extras)
    losses += fields.losses
    kept = found.metadata if planes.profile_holds else replace(found.metadata, icc=None)
    replaced: tuple[str, ...] = ()
    if fields.colour_tag is not None and "icc" not in settings.strip:
        kept, loss, replaced = _with_colours(kept, fields.colour_tag, planes)
        losses += loss
    if kept.icc is None and "icc" not in settings.strip and abs(_gamma(image) - _SRGB_GAMMA) > 0.01:
        losses.append(f"the gamma of {_gamma(image):g} is not kept")
    if settings.strict:
        _refuse((*damage, *losses, *replaced))

    withheld = found.withheld or has_others
    if planes.alpha is not None and settings.opaque_background is not None:
        planes, withheld = on_background(planes, settings.opaque_background), True
    graphic = image.mode in ("1", "P", "PA")
    return SourceImage(planes.colour, planes.alpha, planes.layout, kept, tuple(losses), damage, graphic, withheld)


def _refuse(lines: tuple[str, ...]) -> None:
    if lines:
        raise UnsupportedImage(f"strict: {lines[0]}")


def _with_colours(kept: Metadata, tag: ColourTag, planes: Planes) -> tuple[Metadata, tuple[str, ...], tuple[str, ...]]:
    """Adds a profile that says what a colour tag says.

    Returns:
        The metadata, a line if no profile can say it, and a line if one does.
    """
    if tag.inexact is not None:
        return kept, (f"the colours as told by {tag.origin} ({tag.inexact}) are not kept",), ()
    # A profile beside it says the same as well as it can; colours that were converted are sRGB.
    if kept.icc is not None or not planes.profile_holds:
        return kept, (), ()
    profile = make_profile(tag, gray=planes.layout.is_gray)
    return replace(kept, icc=profile), (), (f"the colours as told by {tag.origin} become an ICC profile",)


@contextlib.contextmanager
def _at_frame(image: Image.Image, frame: int | None) -> Iterator[None]:
    """Seeks to a frame for the body, and then back, because the image may be the caller's."""
    check_frame(image, frame)
    if frame is None:
        yield
        return
    before = image.tell()
    with decoder_errors("the image is damaged"):
        image.seek(frame)
    try:
        yield
    finally:
        if image.tell() != before:
            with contextlib.suppress(Exception):
                image.seek(before)


def _raw_mode(image: Image.Image) -> str:
    for tile in getattr(image, "tile", ()):
        arguments = tile[3]
        raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
        return raw if isinstance(raw, str) else ""
    return ""


def _orientation(image: Image.Image) -> int:
    # Pillow reads the orientation from XMP too. EXIF that it cannot parse is ignored.
    with contextlib.suppress(Exception):
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    return 1


def _gamma(image: Image.Image) -> float:
    gamma = image.info.get("gamma")
    return float(gamma) if isinstance(gamma, (int, float)) and "srgb" not in image.info else _SRGB_GAMMA
