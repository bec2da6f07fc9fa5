"""EXIF edited in place: what is not edited keeps its place."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from sample_files import EXIF_IFD, GPS_IFD, MAKE, MAKER_NOTE, ORIENTATION, directory, exif

from cnncompress.images.exif import Exif

ORDERS = ["<", ">"]
THUMBNAIL = b"\xff\xd8thumbnail\xff\xd9"


def parsed(data: bytes) -> Image.Exif:
    """As Pillow reads it."""
    found = Image.Exif()
    found.load(data)
    return found


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("orientation", [1, 2, 8, 700])
def test_upright(order: str, orientation: int) -> None:
    data = exif(order, orientation=orientation)
    edited = Exif(b"Exif\0\0" + data)
    edited.set_upright()
    assert parsed(edited.to_bytes())[ORIENTATION] == 1
    changed = [at for at, (one, other) in enumerate(zip(data, edited.to_bytes(), strict=True)) if one != other]
    assert len(changed) <= 2, "nothing else is touched"
    assert (changed == []) == (orientation == 1)


def test_upright_without_the_tag_and_with_a_wrong_type() -> None:
    data = exif(orientation=None)
    edited = Exif(data)
    edited.set_upright()
    assert edited.to_bytes() == data
    as_long = b"II*\0" + struct.pack("<I", 8) + directory("<", [(ORIENTATION, 4, 1, struct.pack("<I", 6))])
    edited = Exif(as_long)
    edited.set_upright()
    assert parsed(edited.to_bytes())[ORIENTATION] == 1


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("thumbnail", [b"", THUMBNAIL])
def test_position_is_taken_out(order: str, thumbnail: bytes) -> None:
    data = exif(order, thumbnail=thumbnail)
    edited = Exif(data)
    assert edited.remove_position()
    left = edited.to_bytes()
    assert len(left) == len(data)
    assert not any(left[150:224]), "directory and values"
    found = parsed(left)
    assert GPS_IFD not in found and not found.get_ifd(GPS_IFD)
    assert (found[MAKE], found[ORIENTATION]) == ("Abc", 6)
    note = found.get_ifd(EXIF_IFD)[MAKER_NOTE]
    (offset,) = struct.unpack(order + "I", note[-4:])
    assert left[offset : offset + 5] == b"Maker", "offsets of the maker still lead where they did"
    assert not edited.remove_position()
    edited.remove_thumbnail()
    assert THUMBNAIL not in edited.to_bytes()


@pytest.mark.parametrize("order", ORDERS)
def test_thumbnail_is_taken_out(order: str) -> None:
    edited = Exif(exif(order, thumbnail=THUMBNAIL))
    edited.remove_thumbnail()
    left = edited.to_bytes()
    assert len(left) == 300 and not any(left[230:])
    found = parsed(left)
    assert found._info is not None and found._info.next == 0
    assert (found[MAKE], found.get_ifd(GPS_IFD)[1]) == ("Abc", "N")
    edited.remove_thumbnail()
    assert edited.to_bytes() == left


def test_thumbnail_in_the_middle_leaves_a_gap() -> None:
    data = exif(thumbnail=THUMBNAIL) + b"behind"
    edited = Exif(data)
    edited.remove_thumbnail()
    assert len(edited.to_bytes()) == len(data) and edited.to_bytes().endswith(bytes(len(THUMBNAIL)) + b"behind")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no TIFF header"),
        (b"Exif\0\0", "no TIFF header"),
        (b"II+\0" + bytes(20), "no TIFF header"),
        (b"II*\0", "an offset points outside the data"),
        (b"II*\0\xff\xff\0\0", "an offset points outside the data"),
        (b"II*\0\x08\0\0\0\x02\0" + bytes(20), "a directory is too long"),
        (b"II*\0\x08\0\0\0\xff\xff" + bytes(65535 * 12), "a directory is too long"),
    ],
)
def test_damaged_data(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Exif(data)


def test_directory_without_a_link_at_the_very_end() -> None:
    edited = Exif(b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", ORIENTATION, 3, 1, 6, 0))
    edited.set_upright()
    edited.remove_thumbnail()
    assert not edited.remove_position()
    assert parsed(edited.to_bytes() + bytes(4))[ORIENTATION] == 1


def edit(data: bytes) -> bytes | None:
    """All edits; None if the data is damaged."""
    try:
        edited = Exif(data)
        edited.set_upright()
        edited.remove_position()
        edited.remove_thumbnail()
    except ValueError:
        return None
    return edited.to_bytes()


@settings(max_examples=300)
@given(st.binary(max_size=40), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_foreign_data(data: bytes, start: bytes) -> None:
    result = edit(start + data)
    assert result is None or len(result) <= len(start + data)


@settings(max_examples=300)
@example([(100, 17)], "<")  # the number of EXIF's entries: they reach into the thumbnail, which is cut off
@given(st.lists(st.tuples(st.integers(0, 310), st.integers(0, 255)), max_size=8), st.sampled_from(ORDERS))
def test_damage_is_noticed_or_bounded(changes: list[tuple[int, int]], order: str) -> None:
    data = bytearray(exif(order, thumbnail=THUMBNAIL))
    for position, value in changes:
        data[position] = value
    result = edit(bytes(data))
    if result is not None:
        again = Exif(result)
        assert not again.remove_position()


def test_position_that_is_everything_else_too() -> None:
    looped = b"II*\0" + struct.pack("<I", 8) + directory("<", [(GPS_IFD, 4, 1, struct.pack("<I", 8))], 8)
    result = edit(looped)
    assert result is None or not any(result[8:])
