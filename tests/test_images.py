"""Images: every mode in and out, orientation, alpha, limits and damage."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from cnncompress import images
from cnncompress.codec.container import Layout
from cnncompress.errors import Corrupt, LimitExceeded, OutputError, UnreadableImage, UnsupportedImage
from cnncompress.formats import OUTPUT_FORMATS, output_format
from cnncompress.images import decode_alpha, encode_alpha, read_image, save_image, to_image

RNG = np.random.default_rng(1)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
GRAY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
RGBA = np.dstack([RGB, ALPHA])
LA = np.dstack([GRAY, ALPHA])

# From the pixels as a camera stores them to the upright ones, by the value of the EXIF tag.
UPRIGHT: dict[int, Any] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: lambda a: np.rot90(a, 1),
}


def encoded(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of any kind; ``rows`` with their filter bytes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def tiff(entries: dict[int, tuple[int, list[int]]], pixels: bytes) -> bytes:
    """A little-endian TIFF with one strip, from tag -> (type 3 or 4, values)."""
    entries = {**entries, 273: (4, [0]), 279: (4, [len(pixels)])}
    start = 8 + 2 + 12 * len(entries) + 4
    extra = b""
    directory = b""
    for tag, (kind, values) in sorted(entries.items()):
        packed = struct.pack(f"<{len(values)}{'HI'[kind - 3]}", *values)
        if tag == 273:
            packed = b"STRP"
        elif len(packed) > 4:
            packed, extra = struct.pack("<I", start + len(extra)), extra + packed
        directory += struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    directory = directory.replace(b"STRP", struct.pack("<I", start + len(extra)))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + extra + pixels


def rgb_tiff(bits: int) -> bytes:
    tags = {256: (3, [7]), 257: (3, [5]), 258: (3, [bits] * 3), 259: (3, [1]), 262: (3, [2]), 277: (3, [3])}
    return tiff(tags, bytes(5 * 7 * 3 * bits // 8))


@pytest.mark.parametrize(
    ("pixels", "layout"),
    [(RGB, Layout.RGB), (RGBA, Layout.RGBA), (GRAY, Layout.GRAY), (LA, Layout.GRAY_ALPHA)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_lossless_files_give_their_pixels(pixels: npt.NDArray[np.uint8], layout: Layout, tmp_path: Path) -> None:
    image = Image.fromarray(pixels)
    path = tmp_path / "image.png"
    path.write_bytes(encoded(image))
    for source in (path, str(path), path.read_bytes(), image):
        read = read_image(source)
        assert read.layout is layout
        assert read.colour.dtype == np.uint8 and read.colour.shape == (5, 7, 3)
        assert read.colour.flags.writeable and read.colour.flags.c_contiguous
        expected = GRAY[:, :, None] if layout.is_gray else RGB
        assert (read.colour == expected).all()
        if layout.has_alpha:
            assert read.alpha is not None and (read.alpha == ALPHA).all()
        else:
            assert read.alpha is None
        assert (np.asarray(to_image(read.colour, read.alpha, read.layout)) == pixels).all()


@pytest.mark.parametrize(("pixels", "layout"), [(GRAY, Layout.GRAY), (RGB, Layout.RGB), (RGBA, Layout.RGBA)])
def test_arrays(pixels: npt.NDArray[np.uint8], layout: Layout) -> None:
    for array in (pixels, np.asfortranarray(pixels)):
        read = read_image(array)
        assert read.layout is layout
        assert (np.asarray(to_image(read.colour, read.alpha, read.layout)) == pixels).all()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2), np.float32),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((2, 2), bool),
    ],
)
def test_other_arrays_are_refused(array: Any) -> None:
    with pytest.raises(UnsupportedImage, match=str(array.dtype)):
        read_image(array)


def test_empty_pictures_are_refused() -> None:
    for source in (np.zeros((0, 4), np.uint8), Image.new("L", (0, 3))):
        with pytest.raises(UnsupportedImage, match="empty"):
            read_image(source)


def test_bilevel_is_gray() -> None:
    bilevel = Image.fromarray(GRAY).convert("1")
    read = read_image(encoded(bilevel))
    assert read.layout is Layout.GRAY
    assert (read.colour[..., 0] == np.asarray(bilevel) * 255).all()


def test_palettes_are_expanded() -> None:
    palette = Image.fromarray(RGB).quantize(16)
    read = read_image(encoded(palette))
    assert read.layout is Layout.RGB
    assert (read.colour == np.asarray(palette.convert("RGB"))).all()


@pytest.mark.parametrize("transparency", [3, bytes(range(0, 160, 10))])
@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_transparency_of_palettes_is_kept(transparency: int | bytes, file_format: str) -> None:
    if file_format == "GIF" and isinstance(transparency, bytes):
        transparency = 5
    palette = Image.fromarray(RGB).quantize(16)
    indexes = np.asarray(palette)
    read = read_image(encoded(palette, file_format, transparency=transparency))
    assert read.layout is Layout.RGBA and read.alpha is not None
    if isinstance(transparency, int):
        if file_format == "PNG":
            assert (read.alpha == np.where(indexes == transparency, 0, 255)).all()
        else:
            assert sorted(np.unique(read.alpha)) == [0, 255]
    else:
        assert (read.alpha == np.frombuffer(transparency, np.uint8)[indexes]).all()


@pytest.mark.parametrize(
    ("data", "layout", "alpha"),
    [
        (png(8, 1, 1, 0, b"\0\xaa", (b"tRNS", b"\0\1")), Layout.GRAY_ALPHA, [0, 255] * 4),
        (png(4, 1, 2, 0, b"\0\x1b", (b"tRNS", b"\0\2")), Layout.GRAY_ALPHA, [255, 255, 0, 255]),
        (png(2, 1, 4, 0, b"\0\x3f", (b"tRNS", b"\0\3")), Layout.GRAY_ALPHA, [0, 255]),
        (png(2, 1, 8, 0, b"\0\x03\x04", (b"tRNS", b"\0\3")), Layout.GRAY_ALPHA, [0, 255]),
        (png(2, 1, 8, 2, b"\0abcdef", (b"tRNS", b"\0a\0b\0c")), Layout.RGBA, [0, 255]),
    ],
    ids=["gray1", "gray2", "gray4", "gray8", "rgb8"],
)
def test_transparent_colour_of_png(data: bytes, layout: Layout, alpha: list[int]) -> None:
    read = read_image(data)
    assert read.layout is layout and read.alpha is not None
    assert read.alpha.tolist() == [alpha]


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("pixels", [RGB, LA], ids=["RGB", "LA"])
def test_orientation_is_made_upright(orientation: int, pixels: npt.NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = read_image(encoded(Image.fromarray(pixels), exif=exif))
    upright = to_image(read.colour, read.alpha, read.layout)
    assert (np.asarray(upright) == UPRIGHT[orientation](pixels)).all()


def test_callers_image_stays_as_it_is() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(encoded(Image.fromarray(RGB), exif=exif)))
    assert read_image(image).colour.shape == (7, 5, 3)
    assert image.size == (7, 5) and image.getexif()[0x0112] == 6


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16", "RGBX", "La", "RGBa"])
def test_other_modes_are_refused_by_name(mode: str) -> None:
    with pytest.raises(UnsupportedImage, match=f"mode {mode} "):
        read_image(Image.new(mode, (3, 2)))


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        (encoded(Image.new("CMYK", (3, 2)), "JPEG"), "CMYK"),
        (encoded(Image.new("CMYK", (3, 2)), "TIFF"), "CMYK"),
        (encoded(Image.new("F", (3, 2)), "TIFF"), "F"),
        (encoded(Image.new("I;16", (3, 2))), "I;16"),
        (png(1, 1, 16, 2, bytes(7)), "RGB"),
        (png(1, 1, 16, 4, bytes(5)), "RGBA"),
        (png(1, 1, 16, 6, bytes(9)), "RGBA"),
        (rgb_tiff(16), "RGB"),
        (b"P6 1 1 65535\n" + bytes(6), "RGB"),
        (b"P3 1 1 300 1 2 3\n", "RGB"),
        (b"P5 1 1 65535\n" + bytes(2), "I"),
    ],
    ids=["jpeg-cmyk", "tiff-cmyk", "tiff-float", "png-l16", "png-rgb16", "png-la16", "png-rgba16",
         "tiff-rgb16", "ppm16", "ppm-plain", "pgm16"],
)  # fmt: skip
def test_files_that_would_lose_something_are_refused(data: bytes, mode: str) -> None:
    with pytest.raises(UnsupportedImage, match=f"mode {mode}[ )]"):
        read_image(data)


def test_high_bit_depth_is_found_in_codestreams() -> None:
    avif = bytearray(encoded(Image.fromarray(RGB), "AVIF"))
    avif[avif.index(b"av1C") + 6] |= 0x40
    samples = avif.index(b"pixi") + 9
    avif[samples : samples + 3] = bytes([10, 10, 10])
    jpeg2000 = bytearray(encoded(Image.fromarray(RGB), "JPEG2000"))
    jpeg2000[jpeg2000.index(b"\xff\x4f\xff\x51") + 42] = 11
    for data in (avif, jpeg2000):
        with pytest.raises(UnsupportedImage, match="more than 8 bits"):
            read_image(bytes(data))


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "AVIF", "JPEG2000", "TIFF", "PPM", "BMP", "GIF", "QOI", "SGI"])
def test_formats(file_format: str) -> None:
    read = read_image(encoded(Image.fromarray(RGB), file_format))
    assert read.layout is Layout.RGB and read.colour.shape == (5, 7, 3)


def test_eight_bit_tiff_and_small_ppm_are_read() -> None:
    assert read_image(rgb_tiff(8)).layout is Layout.RGB
    assert read_image(b"P6 1 1 100\n" + bytes(3)).layout is Layout.RGB


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_animations_are_refused(file_format: str) -> None:
    frames = [Image.fromarray(RGB), Image.fromarray(RGB[::-1].copy())]
    data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:])
    with pytest.raises(UnsupportedImage, match=f"more than one frame .{file_format}"):
        read_image(data)


def test_photo_with_a_preview_behind_it_is_read() -> None:
    data = encoded(Image.fromarray(RGB), "MPO", save_all=True, append_images=[Image.new("RGB", (4, 4))])
    assert read_image(data).colour.shape == (5, 7, 3)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="no such file or directory"):
        read_image(tmp_path / "missing.png")
    with pytest.raises(UnreadableImage, match="is a directory"):
        read_image(tmp_path)
    with pytest.raises(UnreadableImage, match="null"):
        read_image("a\0b")
    for data in (b"", b"hello", bytes(1000), b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"):
        with pytest.raises(UnreadableImage, match="not a picture"):
            read_image(data)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UnreadableImage, match="permission denied"):
        read_image(tmp_path / "image.png")


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "AVIF", "JPEG2000", "TIFF", "PPM", "BMP", "GIF", "SGI"])
def test_cut_off_files_are_refused(file_format: str) -> None:
    noise = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), file_format)
    for length in (len(data) // 2, 40, 12):
        with pytest.raises(UnreadableImage):
            read_image(data[:length])


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF", "PPM", "BMP", "GIF"])
def test_damaged_files_raise_nothing_else(file_format: str) -> None:
    data = encoded(Image.fromarray(RGB), file_format)
    for position in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[position] ^= 0xFF
        try:
            read_image(bytes(damaged), max_pixels=10_000)
        except (UnreadableImage, UnsupportedImage, LimitExceeded):
            continue


def test_limits_come_from_the_header() -> None:
    # The pixel data is missing: it would be an error of another kind to touch it.
    with pytest.raises(LimitExceeded, match="20000x20000 pixels are more than the limit of 40000000"):
        read_image(png(20000, 20000, 8, 2, b""))
    with pytest.raises(LimitExceeded, match="65536x1 pixels: a side is longer than 65535"):
        read_image(png(65536, 1, 8, 2, b""))
    with pytest.raises(LimitExceeded, match="1x65536"):
        read_image(np.zeros((65536, 1), np.uint8))
    with pytest.raises(LimitExceeded, match="limit of 34"):
        read_image(Image.fromarray(RGB), max_pixels=34)
    with pytest.raises(LimitExceeded, match="limit of 34"):
        read_image(RGB, max_pixels=34)
    assert read_image(encoded(Image.fromarray(RGB)), max_pixels=35).layout is Layout.RGB


def test_huge_tile_in_a_small_tiff_is_refused() -> None:
    tags = {256: (3, [7]), 257: (3, [5]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1]), 277: (3, [1]),
            322: (4, [65536]), 323: (4, [65536]), 324: (4, [8]), 325: (4, [8])}  # fmt: skip
    with pytest.raises(LimitExceeded, match="tiles of 65536x65536"):
        read_image(tiff(tags, bytes(8)))


def test_our_limit_rules_and_pillows_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    monkeypatch.setattr(images, "DEFAULT_MAX_PIXELS", 10)
    for file_format in ("PNG", "WEBP", "TIFF", "GIF"):
        assert read_image(encoded(Image.fromarray(RGB), file_format)).colour.shape == (5, 7, 3)
    assert (decode_alpha(encode_alpha(ALPHA), 7, 5) == ALPHA).all()
    threads = [threading.Thread(target=read_image, args=(encoded(Image.fromarray(RGB)),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Image.MAX_IMAGE_PIXELS == 10


def test_gray_is_the_rounded_mean() -> None:
    colour = np.array([[[1, 1, 1], [0, 0, 1], [0, 1, 1], [255, 255, 255], [254, 255, 255]]], np.uint8)
    assert np.asarray(to_image(colour, None, Layout.GRAY)).tolist() == [[1, 0, 1, 255, 255]]


def test_alpha_must_fit_the_layout() -> None:
    with pytest.raises(ValueError, match="alpha is missing for the layout RGBA"):
        to_image(RGB, None, Layout.RGBA)
    with pytest.raises(ValueError, match="alpha is given for the layout RGB"):
        to_image(RGB, ALPHA, Layout.RGB)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (37, 5), (64, 64), (1, 16383), (16384, 1), (2, 65535)])
def test_alpha_round_trip(shape: tuple[int, int]) -> None:
    alpha = RNG.integers(0, 256, shape, dtype=np.uint8)
    payload = encode_alpha(alpha)
    assert payload.startswith(b"RIFF" if max(shape) <= 16383 else b"\x89PNG")
    decoded = decode_alpha(payload, shape[1], shape[0])
    assert decoded.dtype == np.uint8 and decoded.flags.writeable
    assert (decoded == alpha).all()


def test_plain_alpha_is_small() -> None:
    assert len(encode_alpha(np.full((1000, 1000), 255, np.uint8))) < 100


def test_alpha_as_png_is_accepted_at_any_size() -> None:
    assert (decode_alpha(encoded(Image.fromarray(ALPHA)), 7, 5) == ALPHA).all()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "neither lossless WebP nor PNG"),
        (b"RIFF", "neither"),
        (encoded(Image.fromarray(ALPHA), "JPEG"), "neither"),
        (encoded(Image.fromarray(RGB), "WEBP", lossless=False), "neither"),
        (encode_alpha(ALPHA.T), "5x7 pixels, expected 7x5"),
        (encoded(Image.fromarray(ALPHA.T.copy())), "5x7 pixels, expected 7x5"),
        (png(60000, 60000, 8, 0, b""), "60000x60000 pixels, expected 7x5"),
        (encoded(Image.fromarray(RGB)), "colours"),
        (encoded(Image.fromarray(RGB), "WEBP", lossless=True), "colours"),
        (encoded(Image.fromarray(RGBA), "WEBP", lossless=True), "8-bit gray"),
        (encoded(Image.fromarray(LA)), "mode LA, expected 8-bit gray"),
        (encoded(Image.fromarray(ALPHA).convert("1")), "mode 1, expected 8-bit gray"),
        (encode_alpha(ALPHA)[:-8], "cannot be decoded"),
        (encoded(Image.fromarray(ALPHA))[:-30], "cannot be decoded"),
        (encode_alpha(ALPHA)[:25], "cannot be decoded"),
    ],
)
def test_bad_alpha_is_corrupt(payload: bytes, message: str) -> None:
    with pytest.raises(Corrupt, match=message):
        decode_alpha(payload, 7, 5)


@pytest.mark.parametrize("file_format", OUTPUT_FORMATS)
@pytest.mark.parametrize("pixels", [GRAY, RGB], ids=["L", "RGB"])
def test_saved_images_come_back(file_format: str, pixels: npt.NDArray[np.uint8]) -> None:
    stream = io.BytesIO()
    save_image(Image.fromarray(pixels), stream, file_format)
    back = np.asarray(Image.open(stream).convert("RGB" if pixels.ndim == 3 else "L"))
    if file_format == "jpg":
        assert back.shape == pixels.shape
    else:
        assert (back == pixels).all()


@pytest.mark.parametrize("pixels", [LA, RGBA], ids=["LA", "RGBA"])
@pytest.mark.parametrize("file_format", OUTPUT_FORMATS)
def test_transparency_is_saved_or_refused(file_format: str, pixels: npt.NDArray[np.uint8]) -> None:
    image = Image.fromarray(pixels)
    stream = io.BytesIO()
    if file_format in ("png", "webp", "tiff"):
        save_image(image, stream, file_format)
        assert (np.asarray(Image.open(stream).convert("RGBA")) == np.asarray(image.convert("RGBA"))).all()
    else:
        with pytest.raises(OutputError, match=f"{file_format} has no transparency; use one of png, webp, tiff"):
            save_image(image, stream, file_format)
        assert stream.getvalue() == b""


@pytest.mark.parametrize(("file_format", "width"), [("webp", 16384), ("jpg", 65535)])
def test_too_large_for_a_format(file_format: str, width: int) -> None:
    with pytest.raises(OutputError, match=f"cannot write {width}x1 pixels as {file_format}"):
        save_image(Image.new("RGB", (width, 1)), io.BytesIO(), file_format)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.png", "png"), ("a.b/c.JPEG", "jpg"), ("x.tif", "tiff"), ("x.pgm", "ppm"), ("x.cnc", None),
     ("png", None), ("-", None), ("a.png/b", None)],
)  # fmt: skip
def test_output_format_of_a_name(name: str, expected: str | None) -> None:
    assert output_format(name) == expected
