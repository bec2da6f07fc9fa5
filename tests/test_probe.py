"""What ``probe`` reads from a file, with and without a known model."""

from __future__ import annotations

import dataclasses

import pytest

from cnncompress.bitstream.ancillary import Metadata, SourceRecord, ancillary_chunks
from cnncompress.bitstream.container import Chunk, ChunkType, Container, Header, Layout, pack
from cnncompress.errors import BadMagic, Corrupt, InvalidModel, Truncated
from cnncompress.probe import Info, probe
from cnncompress.units import Hundredths

DATA = pack(
    Container(
        Header(Layout.RGBA, 20, 10, Hundredths(62_50), bytes.fromhex("00ff1234")),
        (Chunk(ChunkType.LATENTS, bytes(50)), Chunk(ChunkType.ALPHA, bytes(10)), Chunk(150, b"")),
    )
)


class Entry:
    """A manifest's entry, as far as ``probe`` looks at it."""

    name = "first"


class OneModel:
    """A manifest with one model."""

    def by_fingerprint(self, fingerprint: str) -> Entry | None:
        return Entry() if fingerprint == "00ff1234" else None


def test_facts_of_a_file_with_an_unknown_model() -> None:
    assert probe(DATA) == Info(
        width=20,
        height=10,
        mode="RGBA",
        coding="learned",
        quality=62.5,
        format_version=1,
        fingerprint="00ff1234",
        model=None,
        file_bytes=15 + 5 + 1 + 2 * 6 + 60,
        bpp=8 * 93 / 200,
        chunks=(("latents", 50), ("alpha", 10), ("ancillary-150", 0)),
        original=None,
        source=None,
    )
    assert probe(memoryview(DATA)) == probe(DATA)


@pytest.mark.parametrize(
    ("chunk", "coding", "original"),
    [
        (Chunk(ChunkType.LOSSLESS, b"planes"), "lossless", None),
        (Chunk(ChunkType.ORIGINAL, b"GIF89a..."), "stored", "gif"),
        (Chunk(ChunkType.ORIGINAL, b"something"), "stored", None),
    ],
)
def test_files_that_need_no_model(chunk: Chunk, coding: str, original: str | None) -> None:
    ancillary = ancillary_chunks(Metadata(icc=b"profile", xmp=b"<x/>"), SourceRecord("GIF", 9))
    facts = probe(pack(Container(Header(Layout.BILEVEL, 4, 5, Hundredths(0), bytes(4)), (chunk, *ancillary))))
    assert (facts.coding, facts.mode, facts.original) == (coding, "1", original)
    assert (facts.quality, facts.fingerprint, facts.model) == (None, None, None)
    assert facts.source == SourceRecord("GIF", 9)
    assert facts.chunks[1:] == (("icc", len(ancillary[0].payload)), ("xmp", len(ancillary[1].payload)), ("source", 8))


def test_tiles() -> None:
    assert (probe(DATA).tiles, probe(DATA).tile_side) == (1, 0)
    header = Header(Layout.RGB, 200, 100, Hundredths(50_00), b"abcd", 64)
    tiles = probe(pack(Container(header, tuple(Chunk(ChunkType.LATENTS, bytes(size)) for size in range(6)))))
    assert (tiles.tiles, tiles.tile_side) == (6, 64)
    assert tiles.chunks == tuple(("latents", size) for size in range(6))


def test_name_of_a_known_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnncompress.probe.read_manifest", OneModel)
    assert probe(DATA).model == "first"


def test_installation_without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise InvalidModel("no manifest")

    monkeypatch.setattr("cnncompress.probe.read_manifest", fail)
    assert probe(DATA).model is None


def test_damaged_files_are_refused() -> None:
    with pytest.raises(BadMagic):
        probe(b"not one")
    with pytest.raises(Truncated):
        probe(DATA[:-1])
    with pytest.raises(Corrupt):
        probe(DATA[:60] + b"x" + DATA[61:])


def test_info_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        probe(DATA).width = 1  # type: ignore[misc]
