"""Payloads of the ancillary chunks: round trips, bounds, and every kind of damage."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.bitstream.ancillary import (
    MAX_METADATA_BYTES,
    Metadata,
    SourceRecord,
    ancillary_chunks,
    read_metadata,
    read_source,
)
from cnncompress.bitstream.container import Chunk, ChunkType, Container, Header, Layout, pack, unpack
from cnncompress.errors import Corrupt
from cnncompress.units import Hundredths

HEADER = Header(Layout.RGB, 2, 3, Hundredths(50_00), bytes(4))
EXIF = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
PARTS = [(ChunkType.ICC, "icc", b"profile"), (ChunkType.EXIF, "exif", EXIF), (ChunkType.XMP, "xmp", b"<x/>")]


def container(*chunks: Chunk) -> Container:
    return unpack(pack(Container(HEADER, (Chunk(ChunkType.LATENTS, b"abc"), *chunks))))


def deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def part(kind: ChunkType, payload: bytes) -> Metadata:
    return read_metadata(container(Chunk(kind, payload)))


def test_nothing_costs_nothing() -> None:
    assert ancillary_chunks(Metadata()) == ()
    assert read_metadata(container()) == Metadata()
    assert read_source(container()) is None


@given(
    st.none() | st.binary(max_size=50),
    st.none() | st.binary(max_size=50),
    st.none() | st.binary(max_size=50),
    st.none() | st.tuples(st.sampled_from(["", "jpg", "JPEG", "写真", "7z-x"]), st.integers(0, (1 << 40) - 1)),
)
def test_round_trip(icc: bytes | None, exif: bytes | None, xmp: bytes | None, record: tuple[str, int] | None) -> None:
    metadata = Metadata(icc, None if exif is None else b"MM\0*" + exif, xmp)
    source = None if record is None else SourceRecord(*record)
    found = container(*ancillary_chunks(metadata, source))
    assert read_metadata(found) == metadata
    assert read_source(found) == source


def test_payloads_are_as_documented() -> None:
    chunks = ancillary_chunks(Metadata(b"profile", EXIF, b"<x/>"), SourceRecord("jpg", 0x0102030405))
    assert [chunk.type for chunk in chunks] == [128, 129, 130, 131]
    assert [zlib.decompress(chunk.payload, -15) for chunk in chunks[:3]] == [b"profile", EXIF, b"<x/>"]
    assert chunks[3].payload == bytes.fromhex("0504030201") + b"jpg"
    assert len(ancillary_chunks(Metadata(), SourceRecord("jpg", 5))[0].payload) == 8


@pytest.mark.parametrize(("kind", "name", "data"), PARTS)
def test_damaged_metadata(kind: ChunkType, name: str, data: bytes) -> None:
    good = deflate(data)
    assert getattr(part(kind, good), name) == data
    for payload, message in [
        (b"", "ends too early or too late"),
        (good[:-1], "ends too early or too late"),
        (good + b"\0", "ends too early or too late"),
        (b"\xff" + good, "cannot be inflated"),
        (zlib.compress(data), "cannot be inflated"),
    ]:
        with pytest.raises(Corrupt, match=f"the {name} chunk {message}"):
            part(kind, payload)


@pytest.mark.parametrize(("kind", "name", "_"), PARTS)
def test_bombs_are_not_inflated(kind: ChunkType, name: str, _: bytes) -> None:
    bomb = deflate(bytes(MAX_METADATA_BYTES + 1))
    assert len(bomb) < 20_000
    with pytest.raises(Corrupt, match=f"the {name} chunk is larger than 16777216 bytes"):
        part(kind, bomb)


def test_the_largest_metadata() -> None:
    xmp = bytes(MAX_METADATA_BYTES)
    (chunk,) = ancillary_chunks(Metadata(xmp=xmp))
    assert part(ChunkType.XMP, chunk.payload).xmp == xmp
    with pytest.raises(ValueError, match="16777217 bytes of metadata, expected at most 16777216"):
        ancillary_chunks(Metadata(xmp=xmp + b"\0"))


def test_exif_needs_its_header() -> None:
    with pytest.raises(ValueError, match="TIFF header"):
        ancillary_chunks(Metadata(exif=b"Exif\0\0" + EXIF))
    with pytest.raises(Corrupt, match="the exif chunk does not begin with a TIFF header"):
        part(ChunkType.EXIF, deflate(b"Exif\0\0" + EXIF))


@pytest.mark.parametrize("kind", [ChunkType.ICC, ChunkType.EXIF, ChunkType.XMP, ChunkType.SOURCE])
@given(data=st.binary(max_size=40))
def test_any_payload(kind: ChunkType, data: bytes) -> None:
    """A value or an error of ours, never anything else."""
    found = container(Chunk(kind, data))
    try:
        read_metadata(found)
        read_source(found)
    except Corrupt as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("ending", "size"),
    [("a/b", 1), ("a\\b", 1), ("C:", 1), ("..", 1), ("tar.gz", 1), ("a\nb", 1), ("a\0", 1), ("\udcff", 1),
     ("x" * 33, 1), ("é" * 17, 1), ("jpg", -1), ("jpg", 1 << 40)],
)  # fmt: skip
def test_records_that_are_refused(ending: str, size: int) -> None:
    with pytest.raises(ValueError, match=r"ending|size"):
        SourceRecord(ending, size)


@pytest.mark.parametrize(
    "payload", [b"", b"1234", struct.pack("<IB", 5, 0) + b"../x", bytes(5) + b"\xff", bytes(5) + b"x" * 33]
)
def test_damaged_records(payload: bytes) -> None:
    with pytest.raises(Corrupt, match="the source chunk has"):
        read_source(container(Chunk(ChunkType.SOURCE, payload)))
