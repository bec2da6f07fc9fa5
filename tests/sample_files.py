"""Small images in many formats, some of which no writer at hand would make."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

RNG = np.random.default_rng(1)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
GRAY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
RGBA = np.dstack([RGB, ALPHA])
LA = np.dstack([GRAY, ALPHA])

FILE_FORMATS = ["PNG", "JPEG", "WEBP", "AVIF", "JPEG2000", "TIFF", "PPM", "BMP", "GIF", "SGI"]

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

ORIENTATION, MAKE, EXIF_IFD, GPS_IFD, MAKER_NOTE = 0x0112, 0x010F, 0x8769, 0x8825, 0x927C

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    b' tiff:Orientation="1" exif:GPSLatitude="48,12.5N"><exif:GPSLongitude>16,22.3E</exif:GPSLongitude>'
    b"<dc:creator>Zo\xc3\xab</dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def encoded(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    """The bytes of a file."""
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
    """A black TIFF of 7x5 pixels."""
    tags = {256: (3, [7]), 257: (3, [5]), 258: (3, [bits] * 3), 259: (3, [1]), 262: (3, [2]), 277: (3, [3])}
    return tiff(tags, bytes(5 * 7 * 3 * bits // 8))


def profile(kind: str = "sRGB") -> bytes:
    """An ICC profile; ``GRAY`` is one in name only."""
    if kind == "GRAY":
        srgb = profile()
        return srgb[:16] + b"GRAY" + srgb[20:]
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(kind)).tobytes()  # type: ignore[arg-type]


def directory(order: str, entries: list[tuple[int, int, int, bytes]], following: int = 0) -> bytes:
    """A TIFF directory from (tag, type, number of values, 4 bytes)."""
    packed = b"".join(struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return struct.pack(order + "H", len(entries)) + packed + struct.pack(order + "I", following)


def exif(order: str = "<", *, orientation: int | None = 6, position: bool = True, thumbnail: bytes = b"") -> bytes:
    """EXIF as cameras write it: a maker's note that counts from the beginning, a position, a thumbnail.

    Layout: header at 0, directory 0 at 8, EXIF directory at 100, maker's note at 130 (12 bytes, its last four are the
    offset of itself), position at 150 with its latitude at 200, thumbnail's directory at 230, thumbnail at 300.
    """

    def long(value: int) -> bytes:
        return struct.pack(order + "I", value)

    main = [(MAKE, 2, 4, b"Abc\0")]
    if orientation is not None:
        main.append((ORIENTATION, 3, 1, struct.pack(order + "HH", orientation, 0)))
    main.append((EXIF_IFD, 4, 1, long(100)))
    if position:
        main.append((GPS_IFD, 4, 1, long(150)))
    data = bytearray(300)
    parts = {
        0: (b"II*\0" if order == "<" else b"MM\0*") + long(8),
        8: directory(order, main, 230 if thumbnail else 0),
        100: directory(order, [(MAKER_NOTE, 7, 12, long(130))]),
        130: b"Maker\0\0\0" + long(130),
    }
    if position:
        parts[150] = directory(order, [(1, 2, 2, b"N\0\0\0"), (2, 5, 3, long(200))])
        parts[200] = struct.pack(order + "6I", 48, 1, 12, 1, 30, 1)
    if thumbnail:
        parts[230] = directory(order, [(0x0201, 4, 1, long(300)), (0x0202, 4, 1, long(len(thumbnail)))])
    for start, part in parts.items():
        data[start : start + len(part)] = part
    return bytes(data) + thumbnail


def cmyk_profile() -> bytes:
    """A CMYK profile small enough to be built here: a 2-point grid from CMYK to Lab."""
    lab = []
    for index in range(16):
        c, m, y, k = (index >> 3 & 1, index >> 2 & 1, index >> 1 & 1, index & 1)
        lightness = 100 * (1 - k) * (1 - 0.5 * c) * (1 - 0.5 * m) * (1 - 0.1 * y)
        lab += [round(lightness * 255 / 100), 128 + 40 * (m - c) * (1 - k), 128 + 60 * (y - c) * (1 - k)]
    grid = bytes(min(max(value, 0), 255) for value in lab)
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 if index % 4 == 0 else 0 for index in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid + ramp * 3
    table += bytes(-len(table) % 4)

    def text(value: bytes) -> bytes:
        body = b"desc" + bytes(4) + struct.pack(">I", len(value) + 1) + value + b"\0" + bytes(8 + 3 + 67)
        return body + bytes(-len(body) % 4)

    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    rights = b"text" + bytes(4) + b"none\0\0\0\0"
    tags = [(b"desc", text(b"tiny")), (b"cprt", rights), (b"wtpt", white), (b"A2B0", table)]
    offset = 128 + 4 + 12 * len(tags)
    listing = struct.pack(">I", len(tags))
    for name, body in tags:
        listing += name + struct.pack(">II", offset, len(body))
        offset += len(body)
    head = struct.pack(">I4sI4s4s4s12s4s", offset, bytes(4), 0x02100000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + listing + b"".join(body for _, body in tags)


def pixels_of(image: Image.Image) -> npt.NDArray[Any]:
    """An image's samples, black and white as 0 and 255."""
    return np.asarray(image.convert("L") if image.mode == "1" else image)
