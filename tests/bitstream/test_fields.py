"""Numbers of variable length: every length, and each way in which one can be wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.bitstream.fields import MAX_NUMBER, FieldReader, pack_number
from cnncompress.errors import Corrupt, Truncated


def reader(data: bytes) -> FieldReader:
    return FieldReader(memoryview(data), "table")


@pytest.mark.parametrize(
    ("value", "packed"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (300, "ac02"),
        (16383, "ff7f"),
        (16384, "808001"),
        (MAX_NUMBER, "ffffffff0f"),
    ],
)
def test_known_bytes(value: int, packed: str) -> None:
    assert pack_number(value).hex() == packed
    assert reader(bytes.fromhex(packed)).number() == value


@given(st.lists(st.integers(0, MAX_NUMBER), max_size=5))
def test_round_trip(values: list[int]) -> None:
    data = b"".join(map(pack_number, values))
    fields = reader(data)
    assert [fields.number() for _ in values] == values
    assert fields.position == len(data)


@pytest.mark.parametrize("packed", ["8000", "ff00", "80808000", "8080808010", "ffffffff7f", "ffffffffff"])
def test_numbers_that_are_too_long(packed: str) -> None:
    with pytest.raises(Corrupt, match="a number in the table is too long"):
        reader(bytes.fromhex(packed)).number()


def test_fields_in_their_order() -> None:
    fields = reader(bytes.fromhex("0102 8101 ff"))
    assert (fields.unsigned(2), fields.number(), fields.take(1), fields.position) == (0x0201, 129, b"\xff", 5)
    fields.section = "end"
    with pytest.raises(Truncated, match="the file ends in its end, after 5 bytes"):
        fields.unsigned(1)
    assert fields.position == 5


@pytest.mark.parametrize("packed", ["", "80", "ffffffff"])
def test_numbers_that_are_cut_off(packed: str) -> None:
    with pytest.raises(Truncated):
        reader(bytes.fromhex(packed)).number()
