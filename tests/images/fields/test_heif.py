"""Items of AVIF files: what the picture consists of, and what is a picture of its own."""

from __future__ import annotations

import io
import struct
import time

import pytest

from cnncompress.images.fields.findings import Fields
from cnncompress.images.fields.look import look_into

ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"
DEPTH = b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth\0"


def box(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), name) + payload


def reference(kind: bytes, source: int, *targets: int) -> bytes:
    return box(kind, struct.pack(f">HH{len(targets)}H", source, len(targets), *targets))


def heif(kinds: list[bytes], references: list[bytes], auxiliary: tuple[int, bytes] | None = None) -> bytes:
    """Items numbered from 1, of which the first is the primary one; one may have an auxiliary type."""
    entries = b"".join(
        box(b"infe", bytes([2, 0, 0, 0]) + struct.pack(">HH", number, 0) + kind + b"\0")
        for number, kind in enumerate(kinds, start=1)
    )
    parts = [
        box(b"pitm", bytes(4) + struct.pack(">H", 1)),
        box(b"iinf", bytes(4) + struct.pack(">H", len(kinds)) + entries),
        box(b"iref", bytes(4) + b"".join(references)),
    ]
    if auxiliary is not None:
        number, text = auxiliary
        associations = bytes(4) + struct.pack(">IHBB", 1, number, 1, 1)
        parts.append(box(b"iprp", box(b"ipco", box(b"auxC", bytes(4) + text)) + box(b"ipma", associations)))
    return box(b"ftyp", b"avif" + bytes(4) + b"avifmif1") + box(b"meta", bytes(4) + b"".join(parts))


def fields(data: bytes) -> Fields:
    return look_into(io.BytesIO(data), None).fields


def test_cells_of_a_grid_and_of_its_alpha_plane_are_one_picture() -> None:
    references = [reference(b"dimg", 1, 2, 3), reference(b"dimg", 4, 5, 6), reference(b"auxl", 4, 1)]
    kinds = [b"grid", b"av01", b"av01", b"grid", b"av01", b"av01"]
    assert fields(heif(kinds, references, (4, ALPHA))).pictures == ()


@pytest.mark.parametrize(
    ("references", "auxiliary", "line"),
    [
        ([], None, "a second picture is not kept"),
        ([reference(b"thmb", 2, 1)], None, ""),
        ([reference(b"auxl", 2, 1)], (2, ALPHA), ""),
        ([reference(b"auxl", 2, 1)], (2, DEPTH), "the depth map is not kept"),
        ([reference(b"auxl", 1, 2)], None, "a second picture is not kept"),
        ([reference(b"dimg", 2, 1)], None, "a second picture is not kept"),
    ],
)
def test_second_items(references: list[bytes], auxiliary: tuple[int, bytes] | None, line: str) -> None:
    found = fields(heif([b"av01", b"av01"], references, auxiliary)).pictures
    assert found == ((line,) if line else ())


def test_gain_maps_are_known_by_their_item_or_by_who_uses_them() -> None:
    found = fields(heif([b"av01", b"av01", b"tmap"], [reference(b"dimg", 3, 1, 2)])).pictures
    assert found == ("the gain map (HDR) is not kept",)


def test_grids_that_contain_themselves_end() -> None:
    assert fields(heif([b"grid", b"grid"], [reference(b"dimg", 1, 2), reference(b"dimg", 2, 1)])).pictures == ()


def test_time_grows_with_the_file() -> None:
    """Ten thousand items and references took minutes once."""
    many = heif([b"av01"] * 9000, [reference(b"dimg", 60_001, *[60_000] * 50)] * 9000)
    start = time.process_time()
    assert fields(many).pictures == ("a second picture is not kept",)
    assert time.process_time() - start < 5
