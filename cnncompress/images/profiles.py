"""Colour spaces that the codec does not carry, converted to sRGB."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

CONVERTED_MODES = ("CMYK", "LAB", "YCbCr", "HSV")


def to_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Converts a loaded image in one of :data:`CONVERTED_MODES`.

    CMYK goes through the ICC profile that comes with it; without one, or with a damaged one, by the plain formula.

    Returns:
        The image in mode RGB, to be taken for sRGB if the mode was CMYK or LAB, and what was lost.
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
    if converted is None:  # only where asked to work in place
        raise ImageCms.PyCMSError("no image")
    return converted
