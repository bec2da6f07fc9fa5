"""From Pillow's modes to planes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from cnncompress.codec.container import Layout
from cnncompress.errors import UnsupportedImage
from cnncompress.images.bands import samples_of
from cnncompress.images.profiles import CONVERTED_MODES, to_srgb
from cnncompress.images.reduction import DEEP_MODES, reduce_gray
from cnncompress.images.source import Plane

_GRAY_PROFILE = b"GRAY"
_COLOUR_SPACE = slice(16, 20)  # of an ICC profile's header


@dataclass(frozen=True, eq=False)
class Planes:
    """An image's samples.

    Attributes:
        colour: uint8 [H, W, 3]; the same plane three times if the layout is gray.
        alpha: uint8 [H, W], or None.
        layout: what they are.
        loss: what the conversion lost, if anything.
        profile_holds: whether the colour profile of the image is still that of the planes.
    """

    colour: Plane
    alpha: Plane | None
    layout: Layout
    loss: str | None = None
    profile_holds: bool = True


def to_planes(image: Image.Image, file_format: str | None, raw_mode: str) -> Planes:
    """Converts a loaded image, which is left as it is.

    Args:
        image: in any mode.
        file_format: Pillow's name of the format of its file; None if it came from none.
        raw_mode: how Pillow named the samples of the file before it loaded them, nothing if it did not.

    Raises:
        UnsupportedImage: a mode that is not known, or samples whose white is not known.
    """
    if image.mode in DEEP_MODES:
        gray, alpha, loss = reduce_gray(image, file_format, raw_mode)
        return Planes(_thrice(gray), alpha, Layout.GRAY if alpha is None else Layout.GRAY_ALPHA, loss)
    if image.mode in CONVERTED_MODES:
        converted, loss = to_srgb(image)
        return Planes(samples_of(converted), None, Layout.RGB, loss, profile_holds=image.mode in ("YCbCr", "HSV"))
    image = _with_fitting_key(image, raw_mode)
    layout = _layout(image, raw_mode)
    samples = samples_of(_converted(image, "L" if layout is Layout.BILEVEL else layout.mode))
    if layout.is_gray:
        planes = samples if samples.ndim == 3 else samples[..., None]
        return Planes(_thrice(planes[..., 0]), _last(planes) if layout.has_alpha else None, layout)
    colour = np.ascontiguousarray(samples[..., :3])
    alpha = _last(samples) if layout.has_alpha else None
    if image.mode in ("P", "PA") and _is_gray(colour) and _fits_gray(image):
        return Planes(colour, alpha, Layout.GRAY if alpha is None else Layout.GRAY_ALPHA)
    return Planes(colour, alpha, layout)


def on_background(planes: Planes, background: tuple[int, int, int]) -> Planes:
    """Makes transparent planes opaque.

    Args:
        planes: with or without alpha.
        background: what shows through, red, green and blue.

    Returns:
        Planes without alpha; gray ones stay gray if the background is.
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
    if image.mode in ("1", "L", "LA", "La") or raw_mode.startswith("LA"):  # 16-bit gray with alpha is opened as RGBA
        return Layout.GRAY_ALPHA if transparent else Layout.GRAY
    if image.mode in ("P", "PA", "RGB", "RGBX", "RGBA", "RGBa"):
        return Layout.RGBA if transparent else Layout.RGB
    raise UnsupportedImage(f"mode {image.mode} is not supported")


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == "La":  # converts to LA only
        image = image.convert("LA")
    if image.mode == "RGBa":
        image = image.convert("RGBA")
    return image if image.mode == mode else image.convert(mode)


def _with_fitting_key(image: Image.Image, raw_mode: str) -> Image.Image:
    # Pillow scales the samples of PNGs with 2, 4 and 16 bits to 8, but not the value that means transparent.
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


def _thrice(gray: Plane) -> Plane:
    return gray[..., None].repeat(3, axis=2)


def _last(samples: Plane) -> Plane:
    return np.ascontiguousarray(samples[..., -1])
