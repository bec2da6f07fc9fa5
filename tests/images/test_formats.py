"""Formats by name and by first bytes."""

from __future__ import annotations

import pytest
from PIL import Image
from sample_files import encoded

from cnncompress.bitstream.container import MAGIC
from cnncompress.images.formats import FORMATS_WITH_ALPHA, FORMATS_WITH_METADATA, OUTPUT_FORMATS, output_format, sniff
from cnncompress.images.guard import INPUT_FORMATS


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.png", "png"), ("a.b/c.JPEG", "jpg"), ("x.tif", "tiff"), ("x.pgm", "ppm"), ("x.avif", "avif"), ("x.npy", "npy"),
     ("x.cnc", None), ("png", None), ("-", None), ("a.png/b", None)],
)  # fmt: skip
def test_output_format_of_a_name(name: str, expected: str | None) -> None:
    assert output_format(name) == expected


def test_lists_name_output_formats() -> None:
    assert set(FORMATS_WITH_ALPHA) | set(FORMATS_WITH_METADATA) <= set(OUTPUT_FORMATS)


@pytest.mark.parametrize(
    ("file_format", "ending"),
    [("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp"), ("AVIF", "avif"), ("JPEG2000", "jp2"), ("TIFF", "tiff"),
     ("PPM", "ppm"), ("BMP", "bmp"), ("DIB", "dib"), ("GIF", "gif"), ("QOI", "qoi"), ("SGI", "sgi")],
)  # fmt: skip
def test_sniff_knows_what_can_be_read(file_format: str, ending: str) -> None:
    data = encoded(Image.new("RGB", (3, 2)), file_format)
    assert sniff(data) == sniff(memoryview(data)) == ending
    assert file_format in INPUT_FORMATS


@pytest.mark.parametrize(
    ("start", "ending"),
    [(b"", None), (b"P", None), (b"P7\n", None), (b"P5 1 1 255\n", "pgm"), (b"P4\n", "pbm"), (b"Pf\n", "pfm"),
     (b"\xff\x4f\xff\x51", "j2k"), (b"\x59\xa6\x6a\x95", "ras"), (b"MM\0+", "tiff"), (b"RIFFabcdWAVE", None),
     (b"hello", None), (MAGIC, "cnc"), (bytes(16), None), (b"\n\n\n\nftypavif", "avif")],
)  # fmt: skip
def test_sniff(start: bytes, ending: str | None) -> None:
    assert sniff(start) == ending
