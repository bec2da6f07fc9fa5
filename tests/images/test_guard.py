"""Files that are opened: missing, damaged, too large, and streams."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_files import (
    ALPHA,
    FILE_FORMATS,
    RGB,
    RNG,
    encoded,
    exif,
    png,
    tiff,
)

from cnncompress.bitstream.container import Layout
from cnncompress.errors import LimitExceeded, UnreadableImage, UnsupportedImage
from cnncompress.images.limits import Limits
from cnncompress.images.pillow_limit import limit_lifted
from cnncompress.images.planes import decode_alpha, encode_alpha
from cnncompress.images.read import read_image
from cnncompress.images.settings import ImageSettings


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="no such file or directory"):
        read_image(tmp_path / "missing.png")
    with pytest.raises(UnreadableImage, match="is a directory"):
        read_image(tmp_path)
    with pytest.raises(UnreadableImage, match="null"):
        read_image("a\0b")
    for data in (b"", b"hello", bytes(1000)):
        with pytest.raises(UnreadableImage, match="not an image"):
            read_image(data)
    with pytest.raises(UnsupportedImage, match="PostScript is not supported"):
        read_image(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UnreadableImage, match="permission denied"):
        read_image(tmp_path / "image.png")


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF"])
def test_streams(file_format: str, tmp_path: Path) -> None:
    image = Image.linear_gradient("L").convert("RGB")
    memory = io.BytesIO()
    image.save(memory, file_format)  # which leaves the stream at its end
    expected = read_image(memory.getvalue())
    path = tmp_path / "image"
    path.write_bytes(memory.getvalue())
    with path.open("rb") as stream, path.open("rb", buffering=0) as raw:
        for source in (memory, memory, stream, raw):
            assert np.array_equal(read_image(source).colour, expected.colour)
            assert not source.closed
    with path.open(encoding="latin-1") as text, pytest.raises(TypeError, match="a stream of text is given"):
        read_image(text)  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe(tmp_path: Path) -> None:
    """Fields are read here and there in a file, which a pipe does not allow."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(encoded(Image.fromarray(RGB)),))
    writer.start()
    assert (read_image(pipe).colour == RGB).all()
    writer.join()


@pytest.mark.parametrize("file_format", FILE_FORMATS)
def test_cut_off_files_are_refused(file_format: str) -> None:
    noise = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), file_format)
    for length in (len(data) // 2, 40, 12):
        with pytest.raises(UnreadableImage):
            read_image(data[:length])


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF", "PPM", "BMP", "GIF"])
def test_damaged_files_raise_nothing_else(file_format: str) -> None:
    options = {"exif": exif(thumbnail=b"thumb")} if file_format in ("PNG", "WEBP", "TIFF") else {}
    data = encoded(Image.fromarray(RGB), file_format, **options)
    settings = ImageSettings(limits=Limits(10_000), strip=frozenset({"gps"}))
    refused = []
    for position in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[position] ^= 0xFF
        try:
            read_image(bytes(damaged), settings)
        except (UnreadableImage, UnsupportedImage, LimitExceeded) as error:
            assert "\n" not in str(error)
            refused.append(position)
    assert 0 in refused, "damage at the beginning, where each format says what it is"


def test_limits_come_from_the_header() -> None:
    # The pixel data is missing: it would be an error of another kind to touch it.
    with pytest.raises(LimitExceeded, match="20000x20000 pixels are more than the limit of 268435456"):
        read_image(png(20000, 20000, 8, 2, b""))
    with pytest.raises(LimitExceeded, match="65536x1 pixels: a side is longer than 65535"):
        read_image(png(65536, 1, 8, 2, b""))
    with pytest.raises(LimitExceeded, match="1x65536"):
        read_image(np.zeros((65536, 1), np.uint8))
    for source in (RGB, Image.fromarray(RGB), encoded(Image.fromarray(RGB))):
        with pytest.raises(LimitExceeded, match="limit of 34"):
            read_image(source, ImageSettings(limits=Limits(34)))
        with pytest.raises(LimitExceeded, match="a side is longer than 6"):
            read_image(source, ImageSettings(limits=Limits(max_dim=6)))
        assert read_image(source, ImageSettings(limits=Limits(35, 7))).layout is Layout.RGB
    pages = [Image.new("L", (2, 2)), Image.new("L", (9, 9))]
    document = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(LimitExceeded, match="9x9"):
        read_image(document, ImageSettings(frame=1, limits=Limits(80)))


def test_huge_tile_in_a_small_tiff_is_refused() -> None:
    tags = {256: (3, [7]), 257: (3, [5]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1]), 277: (3, [1]),
            322: (4, [65536]), 323: (4, [65536]), 324: (4, [8]), 325: (4, [8])}  # fmt: skip
    with pytest.raises(LimitExceeded, match="tiles of 65536x65536"):
        read_image(tiff(tags, bytes(8)))


def test_our_limit_rules_and_pillows_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for file_format in ("PNG", "WEBP", "TIFF", "GIF"):
        assert read_image(encoded(Image.fromarray(RGB), file_format)).colour.shape == (5, 7, 3)
    assert (decode_alpha(encode_alpha(ALPHA), 7, 5) == ALPHA).all()
    threads = [threading.Thread(target=read_image, args=(encoded(Image.fromarray(RGB)),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Image.MAX_IMAGE_PIXELS == 10


def test_an_image_that_loads_does_not_stop_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's limit is lifted for as long as any thread needs it, and nobody waits for that."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with limit_lifted():
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(read_image, encoded(Image.fromarray(RGB))).result(timeout=10)
        assert found.size == (7, 5) and Image.MAX_IMAGE_PIXELS is None
    assert Image.MAX_IMAGE_PIXELS == 10


def test_a_jpeg_without_an_end_is_held_to_the_limits_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.fromarray(RGB), "JPEG").removesuffix(b"\xff\xd9")
    assert read_image(data).size == (7, 5)
    monkeypatch.setattr(Image.Image, "tobytes", lambda *_: pytest.fail("decoded"))
    with pytest.raises(LimitExceeded, match="memory"):
        read_image(data, ImageSettings(limits=Limits(memory=10)))


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="no such file system")
def test_a_file_that_cannot_be_sought_in_is_unreadable() -> None:
    with pytest.raises(UnreadableImage):
        read_image("/proc/self/maps")


def test_a_damaged_second_page_is_the_files_fault() -> None:
    """Pillow looks at it when it is asked how many there are."""
    stream = io.BytesIO()
    pages = [Image.fromarray(RGB) for _ in range(3)]
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    data = bytearray(stream.getvalue())
    first = int.from_bytes(data[4:8], "little")
    entries = int.from_bytes(data[first : first + 2], "little")
    second = int.from_bytes(data[first + 2 + 12 * entries :][:4], "little")
    data[second : second + 2] = bytes(2)  # a directory without entries
    for frame in (0, 1):
        with contextlib.suppress(UnreadableImage, UnsupportedImage):
            assert read_image(bytes(data), ImageSettings(frame=frame)).size == (7, 5)
