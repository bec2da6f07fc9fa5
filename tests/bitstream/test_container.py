"""The container: exact bytes, round trips, and a head that is read without the payloads."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from container_cases import HEADER, LOSSLESS, SMALL, SMALL_BYTES, STORED, TILED, WITH_ALPHA, small_file
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.bitstream.container import (
    Chunk,
    ChunkType,
    Container,
    Header,
    Layout,
    chunk_name,
    pack,
    unpack,
    unpack_head,
)
from cnncompress.bitstream.header import TILE_SIDES, tile_count
from cnncompress.errors import Corrupt, Truncated
from cnncompress.units import Hundredths


@st.composite
def containers(draw: st.DrawFn) -> Container:
    layout = draw(st.sampled_from(Layout))
    side = st.integers(1, 65535)
    image = draw(st.sampled_from([0, 1, 1, 2, 3]))
    quality = draw(st.integers(0, 10000)) if image in (0, 1) else 0
    fingerprint = draw(st.binary(min_size=4, max_size=4)) if image == 1 else bytes(4)
    header = Header(layout, draw(side), draw(side), Hundredths(quality), fingerprint)
    if image == 1:
        tiled = dataclasses.replace(header, tile_side=draw(st.sampled_from(TILE_SIDES)))
        header = tiled if 1 < tile_count(tiled) < 20 else header
    ancillary = [*draw(st.sets(st.integers(128, 131))), *draw(st.lists(st.integers(132, 255), max_size=4))]
    others = draw(st.permutations([*([4] if layout.has_alpha and image in (0, 1) else []), *ancillary]))
    payloads = st.one_of(st.binary(max_size=64), st.integers(0, 20000).map(bytes))
    return Container(header, tuple(Chunk(kind, draw(payloads)) for kind in [image] * tile_count(header) + others))


def test_golden_bytes() -> None:
    assert pack(SMALL) == SMALL_BYTES
    assert unpack(SMALL_BYTES) == SMALL


def test_format_page_shows_the_golden_bytes() -> None:
    page = (Path(__file__).parents[2] / "docs" / "FORMAT.md").read_text(encoding="utf-8")
    example = re.search(r"```\n(89 43.*?)```", page, re.DOTALL)
    assert example is not None
    lines = (re.sub(r"[a-z]+$", "", line) for line in example[1].splitlines())
    assert bytes.fromhex("".join(lines)) == SMALL_BYTES


@pytest.mark.parametrize(("payload", "overhead"), [(127, 20), (128, 21), (16383, 21), (16384, 22), (2097152, 23)])
def test_a_photograph_costs_some_twenty_bytes(payload: int, overhead: int) -> None:
    assert len(pack(Container(HEADER, (Chunk(1, bytes(payload)),)))) == payload + overhead


@given(containers())
def test_round_trip(container: Container) -> None:
    data = pack(container)
    assert unpack(data) == container
    assert unpack(memoryview(data)) == container
    assert pack(unpack(data)) == data


def test_values_and_names() -> None:
    container = unpack(pack(WITH_ALPHA))
    assert container.header.quality == 100.0
    assert container.payload(ChunkType.ALPHA) == b"alpha" * 30
    assert [chunk_name(chunk.type) for chunk in container.chunks] == ["latents", "ancillary-200", "alpha"]
    with pytest.raises(KeyError):
        unpack(SMALL_BYTES).payload(ChunkType.ALPHA)
    assert [layout.mode for layout in Layout] == ["L", "LA", "RGB", "RGBA", "1", "RGB", "RGBA"]
    assert [layout.coded_mode for layout in Layout] == ["L", "LA", "RGB", "RGBA", "L", "L", "LA"]
    assert [layout.has_alpha for layout in Layout] == [False, True, False, True, False, False, True]
    assert [layout.is_gray for layout in Layout] == [True, True, False, False, True, True, True]
    assert unpack(pack(TILED)).payloads(ChunkType.LATENTS) == (b"left", b"right")
    assert unpack(pack(TILED)).payload(ChunkType.LATENTS) == b"left"
    kinds = [SMALL, WITH_ALPHA, LOSSLESS, STORED]
    assert [each.coding for each in kinds] == ["learned", "learned", "lossless", "stored"]
    assert [chunk_name(kind) for kind in ChunkType] == [
        "avif", "latents", "lossless", "original", "alpha", "icc", "exif", "xmp", "source",
    ]  # fmt: skip


def test_helper_makes_good_files() -> None:
    assert unpack(small_file()).header.width == 2


@given(containers())
def test_head_is_read_without_the_payloads(container: Container) -> None:
    data = pack(container)
    length = unpack_head(bytes(data)).entries[0].offset
    for start in (data[:length], data, memoryview(data)):
        head = unpack_head(start)
        assert (head.header, head.file_bytes) == (container.header, len(data))
        for entry, chunk in zip(head.entries, container.chunks, strict=True):
            payload = data[entry.offset : entry.offset + entry.length]
            assert (entry.type, entry.verified(payload)) == (chunk.type, chunk.payload)
            with pytest.raises(Corrupt, match="checksum of the"):
                entry.verified(payload + b"x")
    for end in range(length):
        with pytest.raises(Truncated):
            unpack_head(data[:end])


def test_each_payload_vouches_for_the_header() -> None:
    """Whatever part of a file is read, a wrong size or quality in its header is noticed."""
    data = bytearray(pack(TILED))
    data[5] += 1  # 131 pixels wide, of two tiles as well
    for entry in unpack_head(bytes(data)).entries:
        with pytest.raises(Corrupt, match="checksum of the"):
            entry.verified(bytes(data[entry.offset : entry.offset + entry.length]))


def test_unknown_ancillary_chunks_are_kept() -> None:
    container = unpack(small_file(others=b"\x84\xff\xff"))
    assert [chunk.type for chunk in container.chunks] == [1, 132, 255, 255]
