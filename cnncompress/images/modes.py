"""Converts images of all Pillow modes to planes; colour spaces that the codec does not store become sRGB."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from cnncompress.bitstream.container import Layout
from cnncompress.errors import UnsupportedImage
from cnncompress.images.deep_samples import DEEP_MODES, reduce_gray
from cnncompress.images.source import Plane, gray_as_rgb

_GRAY_PROFILE = b"GRAY"
_COLOUR_SPACE = slice(16, 20)  # of an ICC profile's header

_BAND_PIXELS = 1 << 22

_GRAY_MODES = ("1", "L", "LA", "La")
_COLOUR_MODES = ("P", "PA", "RGB", "RGBX", "RGBA", "RGBa")

CONVERTED_MODES = ("CMYK", "LAB", "YCbCr", "HSV")


@dataclass(frozen=True, eq=False)
class Planes:
    """The samples of an image.

    Attributes:
        colour: Colour planes, uint8 ``[H, W, 3]``; the same plane three times if the layout is gray.
        alpha: Alpha plane, uint8 ``[H, W]``, or None.
        layout: Layout of the planes.
        loss: What the conversion lost; None if nothing.
        profile_holds: Whether the colour profile of the image is still valid for the planes.
    """

    colour: Plane
    alpha: Plane | None
    layout: Layout
    loss: str | None = None
    profile_holds: bool = True


def to_planes(image: Image.Image, file_format: str | None, raw_mode: str, *, white_zero: bool = False) -> Planes:
    """Converts a loaded image to planes; the image itself is not changed.

    Args:
        image: A loaded image in any mode.
        file_format: Pillow's name of the file's format; None for an image that was not read from a file.
        raw_mode: Pillow's name of the sample layout in the file, read before the image was loaded; empty if unknown.
        white_zero: Whether 0 is white in samples of more than 8 bits.

    Raises:
        UnsupportedImage: The mode is not supported, or the value of white is unknown.
    """
    if image.mode in DEEP_MODES:
        gray, alpha, loss = reduce_gray(image, file_format, raw_mode)
        gray = 255 - gray if white_zero else gray
        return Planes(gray_as_rgb(gray), alpha, Layout.GRAY if alpha is None else Layout.GRAY_ALPHA, loss)
    if image.mode in CONVERTED_MODES:
        converted, loss = to_srgb(image)
        return Planes(samples_of(converted), None, Layout.RGB, loss, profile_holds=image.mode in ("YCbCr", "HSV"))
    image = _with_fitting_key(image, raw_mode)
    layout = _layout(image, raw_mode)
    samples = samples_of(_converted(image, "L" if layout is Layout.BILEVEL else layout.mode))
    if layout.is_gray:
        planes = samples if samples.ndim == 3 else samples[..., None]
        return Planes(gray_as_rgb(planes[..., 0]), _last(planes) if layout.has_alpha else None, layout)
    colour = np.ascontiguousarray(samples[..., :3])
    alpha = _last(samples) if layout.has_alpha else None
    if image.mode in ("P", "PA") and _is_gray(colour) and _fits_gray(image):
        return Planes(colour, alpha, Layout.GRAY if alpha is None else Layout.GRAY_ALPHA)
    return Planes(colour, alpha, layout)


def check_mode(mode: str) -> None:
    """Checks that images of a mode can become planes.

    Raises:
        UnsupportedImage: They cannot.
    """
    if mode not in (*DEEP_MODES, *CONVERTED_MODES, *_GRAY_MODES, *_COLOUR_MODES):
        raise UnsupportedImage(f"mode {mode} is not supported")


def on_background(planes: Planes, background: tuple[int, int, int]) -> Planes:
    """Blends planes with a background, which makes them opaque.

    Args:
        planes: Planes with or without alpha.
        background: Red, green and blue, ``0 .. 255``.

    Returns:
        Planes without alpha. Gray planes stay gray if the background is gray.
    """
    if planes.alpha is None:
        return planes
    weight = planes.alpha[..., None].astype(np.uint32)
    mixed = planes.colour * weight + np.array(background, np.uint32) * (255 - weight)
    colour = ((mixed + 127) // 255).astype(np.uint8)
    gray = planes.layout.is_gray and len(set(background)) == 1
    return Planes(colour, None, Layout.GRAY if gray else Layout.RGB, planes.loss, planes.profile_holds)


def _layout(image: Image.Image, raw_mode: str) -> Layout:
    transparent = image.has_transparency_data
    if image.mode == "1" and not transparent:
        return Layout.BILEVEL
    if image.mode in _GRAY_MODES or raw_mode.startswith("LA"):  # Pillow opens 16-bit gray with alpha as RGBA
        return Layout.GRAY_ALPHA if transparent else Layout.GRAY
    check_mode(image.mode)
    return Layout.RGBA if transparent else Layout.RGB


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == "La":  # Pillow converts La to LA only
        image = image.convert("LA")
    if image.mode == "RGBa":
        image = image.convert("RGBA")
    return image if image.mode == mode else image.convert(mode)


def _with_fitting_key(image: Image.Image, raw_mode: str) -> Image.Image:
    # Pillow scales the samples of PNGs with 2, 4 and 16 bits to 8 bits, but not the value that marks transparency.
    key = image.info.get("transparency")
    fitting: int | tuple[int, ...] | None = None
    if raw_mode in ("L;2", "L;4") and isinstance(key, int):
        fitting = key * (85 if raw_mode == "L;2" else 17)
    elif raw_mode.startswith("RGB;16") and isinstance(key, tuple):
        fitting = tuple(value >> 8 for value in key)
    if fitting is None:
        return image
    image = image.copy()
    image.info["transparency"] = fitting
    return image


def _fits_gray(image: Image.Image) -> bool:
    profile = image.info.get("icc_profile")
    return not profile or profile[_COLOUR_SPACE] == _GRAY_PROFILE


def _is_gray(colour: Plane) -> bool:
    return bool((colour == colour[..., :1]).all())


def _last(samples: Plane) -> Plane:
    return np.ascontiguousarray(samples[..., -1])


def samples_of(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Copies the samples of an image.

    Args:
        image: A loaded image in a mode with 8 bits per sample.

    Returns:
        Samples, uint8 ``[H, W]`` or ``[H, W, C]``.
    """
    rows = max(1, _BAND_PIXELS // image.width)
    if rows >= image.height:
        return np.array(image)
    bands = len(image.getbands())
    samples = np.empty((image.height, image.width, bands) if bands > 1 else (image.height, image.width), np.uint8)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        samples[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return samples


def to_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Converts a loaded image to RGB.

    CMYK is converted with the image's ICC profile; without a usable profile, with Pillow's plain formula.

    Args:
        image: A loaded image in one of `CONVERTED_MODES`.

    Returns:
        The image in mode RGB, and a description of the loss. The colours are sRGB if the mode was CMYK or LAB.
    """
    if image.mode == "LAB":
        return _convert(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))), "LAB is converted to sRGB"
    if image.mode != "CMYK":
        return image.convert("RGB"), f"{image.mode} is converted to RGB"
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile:
        return image.convert("RGB"), "CMYK is converted to sRGB, without a profile"
    try:
        converted = _convert(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB"), "CMYK is converted to sRGB, with a profile that cannot be used"
    return converted, "CMYK is converted to sRGB, through its profile"


def _convert(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    if converted is None:  # only with inPlace=True
        raise ImageCms.PyCMSError("no image")
    return converted
