"""Twice the input takes about twice the time, whatever it says: what readers of fields and metadata do is linear."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable

import pytest
from avif_files import Item, Reference, items_alone
from field_files import GIF, PNG, PPM, WEBP, chunk, segment

from cnncompress.images.fields.look import look_into
from cnncompress.images.xmp import set_upright, without_claims, without_position

_MAX_RATIO = 3.0
_LEAST_SECONDS = 0.01
"""Times below this say nothing."""


def _avif(count: int) -> bytes:
    """Items that are all parts of another one, many times over."""
    items = [Item(number) for number in range(1, count)]
    return items_alone(items, [Reference(b"dimg", 60001, (60000,) * 50)] * count)


def _avif_chain(count: int) -> bytes:
    """Pictures that are parts of each other, and thumbnails of each other."""
    items = [Item(number, b"grid") for number in range(1, count)]
    links = [
        Reference(kind, number, (number + 1, number - 1)) for number in range(1, count) for kind in (b"dimg", b"thmb")
    ]
    return items_alone(items, links)


def _jpeg_scans(count: int) -> bytes:
    return b"\xff\xd8" + segment(0xDA, b"\1\1\0\0\x3f\0") * count + bytes(100 * count) + b"\xff\xd9"


def _jpeg_segments(count: int) -> bytes:
    return b"\xff\xd8" + segment(0xE4, b"x" * 40) * count


def _png_texts(count: int) -> bytes:
    packed = zlib.compress(bytes(1 << 12))[:-6] + b"\xff" * 6
    return PNG[:33] + chunk(b"zTXt", b"k\0\0" + packed) * count + PNG[33:]


def _tiff_pages(count: int) -> bytes:
    """Pages of one tag."""
    pages = (struct.pack("<HHHIHHI", 1, 256, 3, 1, 9, 0, 8 + 18 * (number + 1)) for number in range(count))
    return struct.pack("<2sHI", b"II", 42, 8) + b"".join(pages)


def _gif_blocks(count: int) -> bytes:
    return GIF[:-1] + b"!\xfe\1x\0" * count + b";"


def _webp_chunks(count: int) -> bytes:
    more = b"ABCD" + struct.pack("<I", 2) + b"xy"
    return WEBP[:4] + struct.pack("<I", len(WEBP) - 8 + count * len(more)) + WEBP[8:] + more * count


def _pnm_comments(count: int) -> bytes:
    return PPM[:3] + b"#\n" * count + PPM[3:]


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (_avif, 1000), (_avif_chain, 2000), (_jpeg_scans, 2000), (_jpeg_segments, 4000), (_png_texts, 300),
        (_tiff_pages, 2000), (_gif_blocks, 5000), (_webp_chunks, 5000), (_pnm_comments, 20000),
    ],
)  # fmt: skip
def test_fields(make: Callable[[int], bytes], count: int) -> None:
    def look(size: int) -> float:
        data = make(size)
        return _seconds(lambda: look_into(io.BytesIO(data), None))

    assert look(2 * count) <= _MAX_RATIO * max(look(count), _LEAST_SECONDS)


@pytest.mark.parametrize(
    "part",
    [b"<exif:GPSLatitude>", b"<exif:GPSLatitude>48</exif:GPSLatitude>", b" exif:GPSLatitude=\"", b" a:GPS = '1'",
     b"tiff:Orientation ", b" hdrgm:Version = '"],
)  # fmt: skip
def test_metadata(part: bytes) -> None:
    def edit(count: int) -> float:
        packet = part * 199 + b" " + part * count + b"a " * 20 * count
        return _seconds(lambda: without_position(without_claims(set_upright(packet))))

    assert edit(20_000) <= _MAX_RATIO * max(edit(10_000), _LEAST_SECONDS)


def _seconds(work: Callable[[], object]) -> float:
    """The least CPU time of some runs."""
    found = []
    for _ in range(3):
        begin = time.process_time()
        work()
        found.append(time.process_time() - begin)
    return min(found)
