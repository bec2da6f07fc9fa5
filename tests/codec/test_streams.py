"""Files from streams: no more is asked for than there can be, wherever the parts stand."""

from __future__ import annotations

import io

import pytest

from cnncompress.codec.chunks import Layout
from cnncompress.codec.container import Chunk, ChunkType, Container, Header, pack, unpack_head
from cnncompress.codec.streams import read_head, read_payload, read_start, read_up_to
from cnncompress.errors import BadMagic, Corrupt, Truncated

HEADER = Header(Layout.GRAY, 5, 4, 0, bytes(4))
FILE = pack(Container(HEADER, (Chunk(ChunkType.LOSSLESS, b"planes"), Chunk(ChunkType.XMP, b"\x03\0"))))


class CountingStream(io.BytesIO):
    """Remembers the largest read, as a file allocates what it is asked for before it reads."""

    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.largest = max(self.largest, size if size is not None and size >= 0 else 1 << 62)
        return super().read(size)


@pytest.mark.parametrize("length", [0, 1, 5, 1 << 20, (1 << 20) + 1, 3 << 20, 1 << 62])
def test_read_up_to(length: int) -> None:
    data = bytes(range(256)) * 9000
    stream = CountingStream(data)
    stream.seek(3)
    assert read_up_to(stream, length) == data[3 : 3 + length]
    assert stream.largest <= 1 << 20


def test_parts_of_a_file() -> None:
    stream = io.BytesIO(FILE)
    assert read_start(stream) == FILE[: 18 + 2 * 9 + 4]
    stream.seek(0)
    head = read_head(stream)
    assert head == unpack_head(FILE) and head.header == HEADER
    assert [read_payload(stream, entry) for entry in reversed(head.entries)] == [b"\x03\0", b"planes"]


def test_damaged_parts() -> None:
    last = read_head(io.BytesIO(FILE)).entries[-1]
    with pytest.raises(Truncated, match="1 of 2 bytes of the xmp chunk are missing"):
        read_payload(io.BytesIO(FILE[:-1]), last)
    with pytest.raises(Corrupt, match="checksum of the xmp chunk"):
        read_payload(io.BytesIO(FILE[:-1] + b"\1"), last)
    for length in (0, 3, 17, 30):
        with pytest.raises(Truncated):
            read_head(io.BytesIO(FILE[:length]))
    with pytest.raises(BadMagic):
        read_start(io.BytesIO(b"GIF89a"))
