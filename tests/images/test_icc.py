"""Profiles for code points and chromaticities say what those say."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from cnncompress.images.fields.colours import (
    BT709,
    SRGB_CURVE,
    ColourTag,
    from_chromaticities,
    from_code_points,
)
from cnncompress.images.icc import make_profile

COLOURS = np.random.default_rng(3).integers(0, 256, (40, 40, 3), dtype=np.uint8)


def converted(tag: ColourTag, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Pixels in the colours of a tag as sRGB."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(make_profile(tag, gray=pixels.ndim == 2)))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    image = ImageCms.profileToProfile(Image.fromarray(pixels), profile, srgb, outputMode="RGB")
    assert image is not None
    return np.asarray(image).astype(int)


def test_srgb_stays() -> None:
    assert np.abs(converted(ColourTag("test"), COLOURS) - COLOURS).max() <= 1
    gray = COLOURS[..., 0]
    assert np.abs(converted(ColourTag("test"), gray) - gray[..., None]).max() <= 1


def test_display_p3() -> None:
    tag = from_code_points("cICP", 12, 13)
    assert tag is not None
    # Green of sRGB, as CSS Color 4 gives it in Display P3.
    p3 = np.array([[[round(v * 255) for v in (0.4584, 0.9853, 0.2983)]]], np.uint8)
    assert np.abs(converted(tag, p3)[0, 0] - (0, 255, 0)).max() <= 3


@pytest.mark.parametrize(("transfer", "value"), [(8, 188), (4, 128), (1, 139)])
def test_transfer_functions(transfer: int, value: int) -> None:
    """A middle gray of other curves, computed by hand."""
    tag = from_code_points("cICP", 1, transfer)
    assert tag is not None and tag.inexact is None
    shown = converted(tag, np.full((1, 1, 3), 128, np.uint8))[0, 0]
    assert np.abs(shown - value).max() <= 2


def test_what_is_srgb_needs_no_profile() -> None:
    for primaries, transfer in ((1, 13), (2, 2), (1, 2), (2, 13)):
        assert from_code_points("nclx", primaries, transfer) is None
    assert from_chromaticities("cHRM", BT709) is None and from_chromaticities("cHRM", None) is None
    assert ColourTag("x", BT709, SRGB_CURVE).is_srgb


@pytest.mark.parametrize(
    ("primaries", "transfer", "full"), [(9, 16, True), (9, 18, True), (3, 13, True), (12, 13, False)]
)
def test_what_no_profile_can_say(primaries: int, transfer: int, full: bool) -> None:
    tag = from_code_points("cICP", primaries, transfer, full_range=full)
    assert tag is not None and tag.inexact is not None


@pytest.mark.parametrize(
    "values", [(0.0,) * 8, (0.3127, 0.329, *(0.3,) * 6), (9.0, 9.0, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)]
)
def test_senseless_chromaticities(values: tuple[float, float, float, float, float, float, float, float]) -> None:
    tag = from_chromaticities("cHRM", values)
    assert tag is not None and tag.inexact == "its chromaticities"
