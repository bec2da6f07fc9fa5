"""Pictures out: modes, formats, and metadata where there is a place for it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from sample_files import (
    ALPHA,
    EXIF_IFD,
    GPS_IFD,
    GRAY,
    LA,
    MAKE,
    MAKER_NOTE,
    RGB,
    RGBA,
    XMP,
    encoded,
    exif,
    pixels_of,
    profile,
)

from cnncompress.bitstream.ancillary import Metadata
from cnncompress.bitstream.container import Layout
from cnncompress.errors import OutputError, OutputExists
from cnncompress.images.formats import FORMATS_WITH_ALPHA, FORMATS_WITH_METADATA, OUTPUT_FORMATS
from cnncompress.images.read import read_image
from cnncompress.images.write import save_image, to_image

LOSSY = ("jpg", "avif")
METADATA = Metadata(profile(), exif(orientation=1), XMP)


def saved(image: Image.Image, file_format: str) -> bytes:
    stream = io.BytesIO()
    save_image(image, stream, file_format)
    return stream.getvalue()


def reread(data: bytes, file_format: str) -> npt.NDArray[Any]:
    if file_format == "npy":
        pixels: npt.NDArray[Any] = np.load(io.BytesIO(data))
        return pixels
    return pixels_of(Image.open(io.BytesIO(data)))


def test_gray_is_the_rounded_mean() -> None:
    colour = np.array([[[1, 1, 1], [0, 0, 1], [0, 1, 1], [255, 255, 255], [254, 255, 255]]], np.uint8)
    assert np.asarray(to_image(colour, None, Layout.GRAY)).tolist() == [[1, 0, 1, 255, 255]]


def test_black_ends_below_128() -> None:
    colour = np.array([[[0, 0, 0], [127, 127, 128], [127, 128, 128], [255, 255, 255]]], np.uint8)
    image = to_image(colour, None, Layout.BILEVEL)
    assert image.mode == "1" and np.asarray(image).tolist() == [[False, False, True, True]]


def test_alpha_must_fit_the_layout() -> None:
    with pytest.raises(ValueError, match="alpha is missing for the layout RGBA"):
        to_image(RGB, None, Layout.RGBA)
    with pytest.raises(ValueError, match="alpha is given for the layout RGB"):
        to_image(RGB, ALPHA, Layout.RGB)


@pytest.mark.parametrize("file_format", OUTPUT_FORMATS)
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_saved_images_come_back(file_format: str, mode: str) -> None:
    image = Image.fromarray(RGB if mode == "RGB" else GRAY).convert(mode)
    back = reread(saved(image, file_format), file_format)
    if back.ndim == 3 and mode != "RGB":  # WebP and AVIF are opened in colour
        back = back[..., 0]
    if file_format in LOSSY:
        assert back.shape == pixels_of(image).shape
    else:
        assert back.dtype == np.uint8 and (back == pixels_of(image)).all()


@pytest.mark.parametrize("pixels", [LA, RGBA], ids=["LA", "RGBA"])
@pytest.mark.parametrize("file_format", OUTPUT_FORMATS)
def test_transparency_is_saved_or_refused(file_format: str, pixels: npt.NDArray[np.uint8]) -> None:
    image = Image.fromarray(pixels)
    if file_format in FORMATS_WITH_ALPHA:
        back = reread(saved(image, file_format), file_format)
        assert (back[..., -1] == ALPHA).all() or file_format in LOSSY
        if file_format in ("png", "tiff", "npy"):
            assert (back == pixels).all()
    else:
        stream = io.BytesIO()
        with pytest.raises(OutputError, match=f"{file_format} has no transparency; use one of png, webp, tiff, avif"):
            save_image(image, stream, file_format)
        assert stream.getvalue() == b""


@pytest.mark.parametrize(("file_format", "start"), [("ppm", b"P5"), ("png", b"\x89PNG"), ("npy", b"\x93NUMPY")])
def test_paths(file_format: str, start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "out"
    save_image(Image.fromarray(GRAY), path, file_format)
    with pytest.raises(OutputExists):
        save_image(Image.fromarray(GRAY), path, file_format)
    save_image(Image.fromarray(GRAY), str(path), file_format, overwrite=True)
    assert path.read_bytes().startswith(start)
    with pytest.raises(OutputError, match="no such folder"):
        save_image(Image.fromarray(GRAY), tmp_path / "missing" / "out", file_format)


@pytest.mark.parametrize(("file_format", "width"), [("webp", 16384), ("jpg", 65535)])
def test_too_large_for_a_format(file_format: str, width: int) -> None:
    with pytest.raises(OutputError, match=f"cannot write {width}x1 pixels as {file_format}"):
        save_image(Image.new("RGB", (width, 1)), io.BytesIO(), file_format)


@pytest.mark.parametrize("file_format", OUTPUT_FORMATS)
@pytest.mark.parametrize("layout", Layout)
def test_metadata_is_written_and_read_again(file_format: str, layout: Layout) -> None:
    if layout.has_alpha and file_format not in FORMATS_WITH_ALPHA:
        return
    icc = profile("GRAY") if layout.is_gray else profile()
    colour = RGB if not layout.is_gray else GRAY[..., None].repeat(3, axis=2)
    image = to_image(colour, ALPHA if layout.has_alpha else None, layout, Metadata(icc, METADATA.exif, METADATA.xmp))
    data = saved(image, file_format)
    if file_format == "npy":
        return
    found = read_image(data).metadata
    if file_format not in FORMATS_WITH_METADATA:
        assert found == Metadata()
        return
    assert found.icc == icc
    assert found.xmp is not None and found.xmp.replace(b"  ", b' tiff:Orientation="1" ') == XMP
    tags = Image.Exif()
    tags.load(found.exif or b"")
    assert (tags[MAKE], tags.get_ifd(GPS_IFD)[1]) == ("Abc", "N")
    assert tags.get_ifd(EXIF_IFD)[MAKER_NOTE].startswith(b"Maker")
    if file_format in ("png", "jpg", "webp"):
        assert found.exif == METADATA.exif


@pytest.mark.parametrize("name", ["gif", "PNG", ".png", "", "cnc"])
def test_formats_that_there_are_not(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=f"format is '{name}', expected one of png, ppm, .*npy"):
        save_image(Image.fromarray(RGB), tmp_path / "out", name)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", ["exif", "xmp"])
def test_what_is_too_long_for_a_jpeg(key: str) -> None:
    image = Image.fromarray(RGB)
    image.info.update(icc_profile=profile(), exif=b"Exif\0\0" + exif(), xmp=XMP)
    image.info[key] += bytes(66_000)
    stream = io.BytesIO()
    assert save_image(image, stream, "jpg") == (f"{key} is too long for a JPEG and is left out",)
    found = read_image(stream.getvalue()).metadata
    assert getattr(found, key) is None and found.icc == profile()
    assert getattr(read_image(saved(image, "webp")).metadata, key) is not None


def test_a_large_profile_fits_a_jpeg() -> None:
    image = Image.fromarray(RGB)
    image.info["icc_profile"] = profile() + bytes(200_000)
    assert read_image(saved(image, "jpg")).metadata.icc == image.info["icc_profile"]


@pytest.mark.parametrize("file_format", ["tiff", "avif"])
def test_exif_that_cannot_be_arranged_anew(file_format: str) -> None:
    image = Image.fromarray(RGB)
    image.info.update(exif=b"Exif\0\0nonsense", xmp=XMP)
    stream = io.BytesIO()
    assert save_image(image, stream, file_format) == (f"this exif cannot be written as {file_format} and is left out",)
    assert read_image(stream.getvalue()).metadata.xmp is not None


def test_tags_about_pixels_do_not_reach_a_tiff() -> None:
    tags = Image.Exif()
    tags[MAKE], tags[256], tags[257], tags[262] = "Abc", 4000, 3000, 6
    image = Image.fromarray(RGB)
    image.info["exif"] = tags.tobytes()
    with Image.open(io.BytesIO(saved(image, "tiff"))) as back:
        assert (np.asarray(back) == RGB).all() and back.getexif()[MAKE] == "Abc"
        assert back.info["compression"] == "tiff_adobe_deflate"


def test_photographs_are_compressed_faster(coffee: npt.NDArray[np.uint8]) -> None:
    """At a lower level of zlib, which loses nothing there; plots and pages of text would become larger."""
    photograph, page = Image.fromarray(coffee), Image.new("RGB", (600, 400), "white")
    page.paste(photograph.crop((0, 0, 60, 40)), (9, 9))

    assert saved(photograph, "png") == encoded(photograph, compress_level=3) != encoded(photograph)
    assert saved(page, "png") == encoded(page)
