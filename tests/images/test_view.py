"""Parts and previews of images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnncompress.errors import OutsideImage
from cnncompress.images.view import Rectangle, View, parse_view

PIXELS = np.random.default_rng(2).integers(0, 256, (21, 34, 4), dtype=np.uint8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
def test_crop(mode: str) -> None:
    image = Image.fromarray(PIXELS).convert(mode)
    image.info["exif"] = b"exif"
    part = View((3, 5, 30, 16)).of(image)
    assert (part.mode, part.size, part.info) == (mode, (30, 16), {"exif": b"exif"})
    assert (np.asarray(part) == np.asarray(image)[5:21, 3:33]).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize(("factor", "size"), [(2, (17, 11)), (4, (9, 6)), (8, (5, 3))])
def test_scale(mode: str, factor: int, size: tuple[int, int]) -> None:
    image = Image.fromarray(PIXELS).convert(mode)
    small = View(factor=factor).of(image)
    assert (small.mode, small.size) == (mode, size)
    if mode in ("L", "RGB"):
        first = np.asarray(image)[:factor, :factor].reshape(factor * factor, -1).mean(0)
        assert np.abs(np.asarray(small)[0, 0] - first).max() <= 1


def test_black_and_white_stays_so() -> None:
    checks = Image.fromarray(np.indices((8, 8)).sum(0) % 2 == 0)
    assert np.asarray(View(factor=2).of(checks)).all(), "half white is white, from 128 on"


def test_whole_image_is_returned_as_it_is() -> None:
    image = Image.fromarray(PIXELS)
    assert View().is_whole and View().of(image) is image
    assert not View((0, 0, 34, 21)).is_whole and not View(factor=2).is_whole
    assert View().area(34, 21) == Rectangle(0, 0, 34, 21)
    assert View((1, 2, 33, 19)).area(34, 21) == Rectangle(1, 2, 34, 21)


@pytest.mark.parametrize("crop", [(0, 0, 35, 1), (34, 0, 1, 1), (0, 20, 1, 2)])
def test_what_the_image_does_not_have(crop: tuple[int, int, int, int]) -> None:
    with pytest.raises(OutsideImage, match="are not within the image of 34x21"):
        View(crop).of(Image.fromarray(PIXELS))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"factor": 3}, "factor is 3, expected one of 1, 2, 4, 8"),
        ({"crop": (-1, 0, 5, 5)}, "crop is -1,0,5,5"),
        ({"crop": (0, 0, 0, 5)}, "crop is 0,0,0,5"),
        ({"crop": (0, 0, 5, 5), "factor": 2}, "crop and scale exclude each other"),
    ],
)
def test_what_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        View(**values)


def test_scales_as_users_give_them() -> None:
    assert parse_view(None, 1) == View()
    assert [parse_view(None, scale).factor for scale in (1 / 2, 0.25, 1 / 8)] == [2, 4, 8]
    for scale in (0, -0.5, 2, 1 / 3, 0.1, float("nan")):
        with pytest.raises(ValueError, match="expected one of 1, 1/2, 1/4 and 1/8"):
            parse_view(None, scale)


@pytest.mark.filterwarnings("error")
def test_parts_above_the_limit_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts for files from outside, and what is decoded here was checked against other limits."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    image = Image.fromarray(PIXELS)
    assert View((0, 0, 30, 20)).of(image).size == (30, 20)
    assert View(factor=2).of(image).size == (17, 11)
    assert Image.MAX_IMAGE_PIXELS == 100
