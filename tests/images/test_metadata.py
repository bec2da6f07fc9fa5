"""Profile, EXIF and XMP out of files of every format and back into them."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sample_files import EXIF_IFD, GPS_IFD, GRAY, MAKE, MAKER_NOTE, ORIENTATION, RGB, XMP, encoded, exif, profile

from cnncompress.bitstream.ancillary import MAX_METADATA_BYTES
from cnncompress.errors import UnsupportedImage
from cnncompress.images.read import read_image
from cnncompress.images.settings import STRIPPABLE, ImageSettings
from cnncompress.images.write import to_image

FORMATS = ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"]
ALL = frozenset(STRIPPABLE)


def with_metadata(file_format: str, *, exif_data: bytes = exif(), xmp: bytes = XMP) -> bytes:
    """A picture with a profile, EXIF and XMP."""
    options: dict[str, Any] = {"icc_profile": profile(), "exif": b"Exif\0\0" + exif_data, "xmp": xmp}
    if file_format == "PNG":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", options.pop("xmp").decode())
    if file_format == "TIFF":
        tags = Image.Exif()
        tags.load(options["exif"])
        tags[700] = options.pop("xmp")
        options["exif"] = tags
    return encoded(Image.fromarray(RGB), file_format, **options)


def parsed(data: bytes | None) -> Image.Exif:
    found = Image.Exif()
    found.load(data or b"")
    return found


@pytest.mark.parametrize("file_format", FORMATS)
def test_everything_is_kept(file_format: str) -> None:
    found = read_image(with_metadata(file_format))
    # Pillow turns TIFF itself, and takes the orientation out of the XMP.
    expected = XMP.replace(b'tiff:Orientation="1"', b"") if file_format == "TIFF" else XMP
    assert (found.metadata.icc, found.metadata.xmp) == (profile(), expected)
    assert not found.losses and not found.withheld
    tags = parsed(found.metadata.exif)
    assert tags[MAKE] == "Abc"
    assert tags.get(ORIENTATION, 1) == 1
    assert tags.get_ifd(GPS_IFD)[1] == "N"
    assert tags.get_ifd(EXIF_IFD)[MAKER_NOTE].startswith(b"Maker")
    if file_format in ("PNG", "JPEG", "WEBP"):
        assert found.metadata.exif == exif(orientation=1), "but for the orientation not one byte differs"


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(
    "strip", [frozenset(names) for count in range(6) for names in itertools.combinations(STRIPPABLE, count)], ids=sorted
)
def test_strip(file_format: str, strip: frozenset[str]) -> None:
    for strict in (False, True):
        found = read_image(with_metadata(file_format), ImageSettings(strip=strip, strict=strict))
        kept = found.metadata
        assert (kept.icc is None) == ("icc" in strip)
        assert (kept.exif is None) == ("exif" in strip)
        assert (kept.xmp is None) == ("xmp" in strip)
        # Of TIFF files nobody knows what stands between their parts.
        assert found.withheld == bool(strip - {"other"} or (strip and file_format == "TIFF"))
        if "gps" in strip:
            assert not parsed(kept.exif).get_ifd(GPS_IFD)
            assert b"GPS" not in (kept.xmp or b"")


def test_strip_of_what_is_not_there_withholds_nothing() -> None:
    plain = encoded(Image.fromarray(RGB))
    assert not read_image(plain, ImageSettings(strip=ALL)).withheld
    for file_format in ("PNG", "WEBP", "JPEG", "AVIF"):
        no_position = with_metadata(file_format, exif_data=exif(position=False), xmp=b"<x/>")
        assert not read_image(no_position, ImageSettings(strip=frozenset({"gps"}))).withheld, file_format
    comment = encoded(Image.fromarray(RGB), "JPEG", comment=b"48 N 16 E")
    assert read_image(comment, ImageSettings(strip=frozenset({"gps"}))).withheld


def test_a_turned_pictures_thumbnail_is_dropped() -> None:
    thumbnail = b"\xff\xd8thumbnail\xff\xd9"
    for orientation, expected in [(1, True), (6, False), (None, True)]:
        data = encoded(Image.fromarray(RGB), exif=exif(orientation=orientation, thumbnail=thumbnail))
        kept = read_image(data).metadata.exif
        assert kept is not None and (thumbnail in kept) == expected


def test_orientation_in_xmp_alone() -> None:
    turned = XMP.replace(b'tiff:Orientation="1"', b'tiff:Orientation="6"')
    found = read_image(with_metadata("WEBP", exif_data=exif(orientation=None), xmp=turned))
    assert found.size == (5, 7) and found.metadata.xmp == XMP


@pytest.mark.parametrize("damaged", [b"nonsense", b"II*\0\xff\xff\xff\xff", exif()[:20]])
def test_damaged_exif_is_left_out(damaged: bytes) -> None:
    data = encoded(Image.fromarray(RGB), "WEBP", exif=damaged)
    found = read_image(data)
    assert found.metadata.exif is None and found.size == (7, 5)
    assert len(found.losses) == 1 and found.losses[0].startswith("damaged EXIF is left out: ")
    assert read_image(data, ImageSettings(strip=frozenset({"gps"}))).withheld
    with pytest.raises(UnsupportedImage, match="strict: damaged EXIF"):
        read_image(data, ImageSettings(strict=True))
    assert not read_image(data, ImageSettings(strip=frozenset({"exif"}), strict=True)).losses


def test_too_large_metadata_is_left_out() -> None:
    image = Image.fromarray(RGB)
    image.info["xmp"] = bytes(MAX_METADATA_BYTES + 1)
    found = read_image(image)
    assert found.metadata.xmp is None
    assert found.losses == ("xmp is left out: 16777217 bytes are more than the limit of 16777216",)


def test_xmp_whose_position_cannot_be_taken_out() -> None:
    data = encoded(Image.fromarray(RGB), "WEBP", xmp=XMP.decode().encode("utf-16"))
    found = read_image(data, ImageSettings(strip=frozenset({"gps"})))
    assert found.metadata.xmp is None and found.withheld
    assert found.losses == ("the XMP packet is left out, as the position in it cannot be removed",)


def test_exif_of_an_image_that_came_from_no_file() -> None:
    image = Image.fromarray(GRAY)
    image.getexif()[MAKE] = "Abc"
    assert parsed(read_image(image).metadata.exif)[MAKE] == "Abc"
    assert read_image(Image.fromarray(GRAY)).metadata.exif is None
    tiff = Image.open(io.BytesIO(encoded(Image.fromarray(GRAY), "TIFF")))
    assert read_image(tiff).metadata.exif is None, "how pixels are stored is not about the picture"


def test_metadata_of_a_frame() -> None:
    frames = [Image.fromarray(RGB), Image.fromarray(RGB)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], exif=exif(), icc_profile=profile())
    for frame in (0, 1):
        found = read_image(data, ImageSettings(frame=frame))
        assert found.metadata.icc == profile() and found.metadata.exif is not None
        assert found.size == (5, 7)


def test_odd_values_of_info() -> None:
    image = Image.fromarray(RGB)
    image.info.update(icc_profile=None, exif=b"", xmp=("tuple",), gamma="two")
    found = read_image(image)
    assert found.metadata == type(found.metadata)() and not found.losses
    image.info["xmp"] = "<text/>"
    assert read_image(image).metadata.xmp == b"<text/>"


def test_metadata_goes_into_info() -> None:
    found = read_image(with_metadata("PNG"))
    image = to_image(found.colour, found.alpha, found.layout, found.metadata)
    assert image.info == {"icc_profile": profile(), "exif": b"Exif\0\0" + exif(orientation=1), "xmp": XMP}
    assert image.getexif()[MAKE] == "Abc"
    again = read_image(image)
    assert again.metadata == found.metadata and (again.colour == found.colour).all()
    assert to_image(np.zeros((1, 1, 3), np.uint8), None, found.layout).info == {}
