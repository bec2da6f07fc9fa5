"""Stored originals that are no images, and names that they would like to have: nobody's picture becomes a program."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import run
from PIL import Image
from sample_files import encoded

from cnncompress import decompress, read_image, restore_original, store_original
from cnncompress.bitstream.ancillary import Metadata, SourceRecord, ancillary_chunks
from cnncompress.bitstream.chunks import Layout
from cnncompress.bitstream.container import Chunk, ChunkType, Container, Header, pack
from cnncompress.errors import Corrupt, UnsupportedImage
from cnncompress.images.formats import sniff
from cnncompress.images.guard import INPUT_FORMATS
from cnncompress.units import Hundredths


def stored(original: bytes, ending: str = "") -> bytes:
    """A .cnc file with an original of 5x4 pixels, if that is one."""
    chunks = (Chunk(ChunkType.ORIGINAL, original), *ancillary_chunks(Metadata(), SourceRecord(ending, 1)))
    return pack(Container(Header(Layout.RGB, 5, 4, Hundredths(0), bytes(4)), chunks))


def image_file(kind: str) -> bytes:
    return encoded(Image.new("RGB", (5, 4), (9, 99, 199)), kind)


SCRIPT = b"#!/bin/sh\necho hello\n"
NO_IMAGES = {"nothing": b"", "script": SCRIPT, "program": b"MZ" + bytes(200), "file of our own": stored(SCRIPT)}


@pytest.mark.parametrize("name", NO_IMAGES)
def test_no_images(name: str, tmp_path: Path) -> None:
    """A script once came out as it was, with the ending that the file asked for."""
    data = stored(NO_IMAGES[name], "desktop")
    for decode in (decompress, restore_original):
        with pytest.raises(Corrupt, match="stored original cannot be read"):
            decode(data)
    (tmp_path / "photo.cnc").write_bytes(data)
    done = run("decompress", tmp_path / "photo.cnc")
    assert done.exit_code == Corrupt.exit_code and "stored original cannot be read" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["photo.cnc"]


@pytest.mark.parametrize(
    ("kind", "file", "ending", "expected"),
    [
        ("JPEG", "a.cnc", "JPEG", "a.JPEG"),
        ("TIFF", "a.cnc", "tif", "a.tif"),
        ("GIF", "a.cnc", "", "a.gif"),
        ("PNG", "a.cnc", "desktop", "a.png"),
        ("PNG", "a.cnc", "exe", "a.png"),
        ("PNG", "a.cnc", "png ", "a.png"),
        ("JPEG", "a.jpg_large.cnc", "jpg_large", "a.jpg_large"),
        ("JPEG", "a.jpg_large.cnc", "exe", "a.jpg_large.jpg"),
    ],
)
def test_endings(tmp_path: Path, kind: str, file: str, ending: str, expected: str) -> None:
    """Only one of images, or one that can be seen before the file is opened."""
    path = tmp_path / file
    path.write_bytes(stored(image_file(kind), ending))
    done = run("decompress", path, "-d", tmp_path / "out")
    assert done.exit_code == 0
    (output,) = (tmp_path / "out").iterdir()
    assert output.name == expected and output.read_bytes() == image_file(kind)


@pytest.mark.parametrize("kind", INPUT_FORMATS)
def test_every_format_shows_what_it_is(kind: str) -> None:
    """What can be read can be stored, and comes back."""
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip("Pillow only reads it")
    original = image_file(kind)
    found = restore_original(store_original(original))
    assert getattr(found, "data", None) == original and sniff(original) == getattr(found, "format", None)


def test_a_format_that_does_not_show_is_not_stored() -> None:
    """Pillow reads TIFF files whose first bytes are in the wrong order."""
    tiff = image_file("TIFF")
    odd = tiff[:2] + b"\0*" + tiff[4:]
    try:
        assert read_image(odd).size == (5, 4)
    except Exception as error:
        pytest.skip(f"this version of Pillow does not: {error}")
    with pytest.raises(UnsupportedImage, match="does not begin like a file of its format"):
        store_original(odd)
