"""Reading pictures: sources, orientation, frames, backgrounds."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from sample_files import (
    ALPHA,
    FILE_FORMATS,
    GRAY,
    LA,
    ORIENTATION,
    RGB,
    RGBA,
    UPRIGHT,
    encoded,
    exif,
    pixels_of,
    png,
    rgb_tiff,
)

from cnncompress.bitstream.container import Layout
from cnncompress.errors import UnsupportedImage
from cnncompress.images.limits import Limits
from cnncompress.images.read import read_image
from cnncompress.images.settings import ImageSettings
from cnncompress.images.write import to_image

FRAMES = [RGB, RGB[::-1].copy(), np.zeros_like(RGB)]


def animation(file_format: str) -> bytes:
    images = [Image.fromarray(frame) for frame in FRAMES]
    options = {"lossless": True} if file_format == "WEBP" else {}
    return encoded(images[0], file_format, save_all=True, append_images=images[1:], duration=100, **options)


@pytest.mark.parametrize(
    ("pixels", "layout"),
    [(RGB, Layout.RGB), (RGBA, Layout.RGBA), (GRAY, Layout.GRAY), (LA, Layout.GRAY_ALPHA)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_lossless_files_give_their_pixels(pixels: npt.NDArray[np.uint8], layout: Layout, tmp_path: Path) -> None:
    image = Image.fromarray(pixels)
    path = tmp_path / "image.png"
    path.write_bytes(encoded(image))
    for source in (path, str(path), path.read_bytes(), image):
        found = read_image(source)
        assert found.layout is layout and found.size == (7, 5)
        assert found.colour.dtype == np.uint8 and found.colour.shape == (5, 7, 3)
        assert found.colour.flags.writeable and found.colour.flags.c_contiguous
        expected = GRAY[:, :, None] if layout.is_gray else RGB
        assert (found.colour == expected).all()
        if layout.has_alpha:
            assert found.alpha is not None and (found.alpha == ALPHA).all()
        else:
            assert found.alpha is None
        assert (np.asarray(to_image(found.colour, found.alpha, found.layout)) == pixels).all()
        assert not found.losses and not found.is_graphic and not found.withheld


@pytest.mark.parametrize(("pixels", "layout"), [(GRAY, Layout.GRAY), (RGB, Layout.RGB), (RGBA, Layout.RGBA)])
def test_arrays(pixels: npt.NDArray[np.uint8], layout: Layout) -> None:
    for array in (pixels, np.asfortranarray(pixels)):
        found = read_image(array)
        assert found.layout is layout
        assert (np.asarray(to_image(found.colour, found.alpha, found.layout)) == pixels).all()


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 2), np.float32), np.zeros((2, 2, 2), np.uint8), np.zeros(4, np.uint8), np.zeros((2, 2), bool)],
)
def test_other_arrays_are_refused(array: Any) -> None:
    with pytest.raises(UnsupportedImage, match=str(array.dtype)):
        read_image(array)


def test_empty_pictures_are_refused() -> None:
    for source in (np.zeros((0, 4), np.uint8), Image.new("L", (0, 3))):
        with pytest.raises(UnsupportedImage, match="empty"):
            read_image(source)


def test_what_is_read_already_stays_as_it_is() -> None:
    found = read_image(RGB)
    assert read_image(found, ImageSettings(limits=Limits(1))) is found


@pytest.mark.parametrize("orientation", [*UPRIGHT, 0, 9, None])
@pytest.mark.parametrize(
    ("file_format", "pixels"), [("PNG", RGB), ("PNG", LA), ("TIFF", RGB), ("TIFF", LA), ("WEBP", RGB)]
)
def test_orientation_is_made_upright(orientation: int | None, pixels: npt.NDArray[np.uint8], file_format: str) -> None:
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    data = encoded(Image.fromarray(pixels), file_format, exif=exif(orientation=orientation), **options)
    found = read_image(data)
    upright = np.asarray(to_image(found.colour, found.alpha, found.layout))
    assert (upright == UPRIGHT.get(orientation or 1, UPRIGHT[1])(pixels)).all()
    assert found.metadata.exif is not None
    kept = Image.Exif()
    kept.load(found.metadata.exif)
    assert kept.get(ORIENTATION, 1) == 1


def test_orientation_in_photographs_and_in_avif(astronaut: npt.NDArray[np.uint8]) -> None:
    small = np.asarray(Image.fromarray(astronaut).resize((48, 32)))
    for orientation, turn in UPRIGHT.items():
        stored = next(
            a
            for a in (f(small) for f in UPRIGHT.values())
            if (turn(a).shape == small.shape) and (turn(a) == small).all()
        )
        for file_format in ("JPEG", "AVIF"):
            options = {"quality": 95, "exif": exif(orientation=orientation)}
            if file_format == "JPEG":
                options["exif"] = b"Exif\0\0" + exif(orientation=orientation)
            found = read_image(encoded(Image.fromarray(np.ascontiguousarray(stored)), file_format, **options))
            assert np.abs(found.colour.astype(int) - small).mean() < 6, (file_format, orientation)


def test_callers_image_stays_as_it_is() -> None:
    data = encoded(Image.fromarray(RGB), exif=exif(orientation=6))
    image = Image.open(io.BytesIO(data))
    assert read_image(image).colour.shape == (7, 5, 3)
    assert image.size == (7, 5) and image.getexif()[ORIENTATION] == 6
    gray = Image.open(io.BytesIO(png(4, 1, 2, 0, b"\0\x1b", (b"tRNS", b"\0\2"))))
    alpha = read_image(gray).alpha
    assert alpha is not None and alpha.tolist() == [[255, 255, 0, 255]]
    assert gray.info["transparency"] == 2
    frames = Image.open(io.BytesIO(animation("PNG")))
    frames.seek(1)
    assert (read_image(frames, ImageSettings(frame=2)).colour == FRAMES[2]).all()
    assert frames.tell() == 1


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_animations_are_refused_unless_a_frame_is_chosen(file_format: str) -> None:
    data = animation(file_format)
    with pytest.raises(UnsupportedImage, match=rf"one frame \({file_format}\), and none is chosen; --frame N"):
        read_image(data)
    for frame, pixels in enumerate(FRAMES):
        found = read_image(data, ImageSettings(frame=frame))
        assert found.withheld
        if file_format in ("PNG", "WEBP", "TIFF"):
            assert (found.colour == pixels).all()
    with pytest.raises(UnsupportedImage, match="no frame 3: the file has 3 frames"):
        read_image(data, ImageSettings(frame=3))


def test_frames_of_still_images() -> None:
    found = read_image(encoded(Image.fromarray(RGB)), ImageSettings(frame=0))
    assert (found.colour == RGB).all() and not found.withheld
    for source in (encoded(Image.fromarray(RGB)), Image.fromarray(RGB)):
        with pytest.raises(UnsupportedImage, match="no frame 1: the file has 1 frame,"):
            read_image(source, ImageSettings(frame=1))


def test_photo_with_a_preview_behind_it_is_read() -> None:
    data = encoded(Image.fromarray(RGB), "MPO", save_all=True, append_images=[Image.new("RGB", (4, 4))])
    assert read_image(data).colour.shape == (5, 7, 3)
    assert read_image(data, ImageSettings(frame=1)).colour.shape == (4, 4, 3)
    assert read_image(data, ImageSettings(strip=frozenset({"gps"}))).withheld, "the preview has its own EXIF"


@pytest.mark.parametrize("source", [RGBA, encoded(Image.fromarray(RGBA)), Image.fromarray(RGBA)])
def test_backgrounds(source: Any) -> None:
    weight = ALPHA[..., None] / 255
    for settings, colour in [
        (ImageSettings(keep_alpha=False), (255, 255, 255)),
        (ImageSettings(background=(255, 0, 10)), (255, 0, 10)),
        (ImageSettings(background=(0, 0, 0), keep_alpha=False), (0, 0, 0)),
    ]:
        found = read_image(source, settings)
        assert (found.layout, found.alpha, found.withheld) == (Layout.RGB, None, True)
        assert np.abs(found.colour - (RGB * weight + np.array(colour) * (1 - weight))).max() <= 0.501


def test_backgrounds_of_gray_and_opaque_pictures() -> None:
    data = encoded(Image.fromarray(LA))
    assert read_image(data, ImageSettings(keep_alpha=False)).layout is Layout.GRAY
    assert read_image(data, ImageSettings(background=(7, 7, 7))).layout is Layout.GRAY
    assert read_image(data, ImageSettings(background=(7, 7, 8))).layout is Layout.RGB
    opaque = read_image(encoded(Image.fromarray(GRAY)), ImageSettings(background=(7, 7, 8)))
    assert opaque.layout is Layout.GRAY and not opaque.withheld


@pytest.mark.parametrize("file_format", [*FILE_FORMATS, "QOI"])
def test_formats(file_format: str) -> None:
    found = read_image(encoded(Image.fromarray(RGB), file_format))
    assert found.layout is Layout.RGB and found.colour.shape == (5, 7, 3)


def test_eight_bit_tiff_and_small_ppm_are_read() -> None:
    for data in (rgb_tiff(8), b"P6 1 1 100\n" + bytes(3)):
        found = read_image(data)
        assert found.layout is Layout.RGB and not found.losses


def test_settings_are_checked_and_cannot_be_changed() -> None:
    for wrong in (
        {"strip": frozenset({"all"})},
        {"strip": "gps"},
        {"frame": -1},
        {"background": (0, 0, 256)},
        {"background": (0, 0)},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ImageSettings(**wrong)
    with pytest.raises(dataclasses.FrozenInstanceError):
        ImageSettings().strict = True  # type: ignore[misc]


def test_bilevel_comes_back_bilevel() -> None:
    bilevel = Image.fromarray(GRAY).convert("1")
    found = read_image(encoded(bilevel))
    assert found.layout is Layout.BILEVEL and found.is_graphic
    back = to_image(found.colour, found.alpha, found.layout)
    assert back.mode == "1" and (pixels_of(back) == pixels_of(bilevel)).all()
