"""XMP edited as text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_files import XMP

from cnncompress.images.xmp import set_upright, speaks_of_position, without_position


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'<a tiff:Orientation="6"/>', b'<a tiff:Orientation="1"/>'),
        (b"<a tiff:Orientation = '8' />", b"<a tiff:Orientation = '1' />"),
        (b"<tiff:Orientation>3</tiff:Orientation>", b"<tiff:Orientation>1</tiff:Orientation>"),
        (b'<a tiff:XResolution="6"/>', b'<a tiff:XResolution="6"/>'),
        (b"", b""),
        (XMP, XMP),
    ],
)
def test_upright(before: bytes, after: bytes) -> None:
    assert set_upright(before) == after


def test_position_is_taken_out_of_both_forms() -> None:
    assert speaks_of_position(XMP)
    left = without_position(XMP)
    assert left == XMP.replace(b' exif:GPSLatitude="48,12.5N"', b"").replace(
        b"<exif:GPSLongitude>16,22.3E</exif:GPSLongitude>", b""
    )
    assert not speaks_of_position(left)
    assert without_position(left) == left


@pytest.mark.parametrize(
    "packet",
    [
        b"<drone-dji:GpsLatitude>+48.1</drone-dji:GpsLatitude>",
        b"<a\n exif:GPSTimeStamp='2020' />",
        b'<exif:GPSDestLatitude rdf:parseType="Resource"><a>1</a></exif:GPSDestLatitude>',
        b'<exif:GPSVersionID x="1"/>',
        b"<exif:GPSA>1</exif:GPSA >keep<exif:GPSA>2</exif:GPSA>",
        b"<exif:GPSA>" * 3 + b"1" + b"</exif:GPSA>" * 1,
        b"<exif:GPSA><exif:GPSB/>1</exif:GPSA>",
        b"<a/>".join([b"<exif:GPSLatitude>48</exif:GPSLatitude>"] * 1000),
    ],
)
def test_other_writers_of_positions(packet: bytes) -> None:
    left = without_position(packet)
    assert left is not None and not speaks_of_position(left)


@pytest.mark.parametrize(
    "packet",
    [
        XMP.decode().encode("utf-16"),
        b"<other:coordinates>GPS 48 16</other:coordinates>",
        b"<exif:GPSLatitude>48",
        b"<exif:GPSLatitude>" * 100_000,
        b"</exif:GPSLatitude>",
        b"<exif:GPSA>1</exif:GPSB>",
    ],
)
def test_what_cannot_be_edited_is_left_out(packet: bytes) -> None:
    assert without_position(packet) is None


@given(
    st.binary(max_size=60), st.sampled_from([b"", b"<exif:GPSLatitude>", b' exif:GPSLatitude="', b"tiff:Orientation>"])
)
def test_foreign_data(data: bytes, start: bytes) -> None:
    left = without_position(set_upright(start + data))
    assert left is None or b"gps" not in left.lower()


def test_elements_that_do_not_end_take_no_longer_than_others() -> None:
    """Each of them was once searched to the end of the packet, for minutes."""
    packet = b"<exif:GPSLatitude>".join([b"<a>text</a>" * 7000] * 200)
    start = time.process_time()
    assert without_position(packet) is None
    assert time.process_time() - start < 5
