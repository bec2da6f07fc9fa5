"""Files whose fields say more than their pixels."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from avif_files import Item, Reference, box, with_items
from PIL import Image
from sample_files import encoded, profile

SECRET = b"SECRET 48.2082N 16.3738E"
PHOTO = np.dstack([np.indices((48, 64)).sum(0) * 2, np.indices((48, 64))[0] * 5, np.indices((48, 64))[1] * 4]).astype(
    np.uint8
)
JPEG = encoded(Image.fromarray(PHOTO), "JPEG")
PNG = encoded(Image.fromarray(PHOTO))
WEBP = encoded(Image.fromarray(PHOTO), "WEBP", lossless=True)
AVIF = encoded(Image.fromarray(PHOTO), "AVIF")
GIF = encoded(Image.fromarray(PHOTO).quantize(16), "GIF")
BMP = encoded(Image.fromarray(PHOTO), "BMP")
QOI = encoded(Image.fromarray(PHOTO), "QOI")
JP2 = encoded(Image.fromarray(PHOTO), "JPEG2000")
PPM = encoded(Image.fromarray(PHOTO), "PPM")

# 8x4 pixels made by opj_compress: red is a ramp up to white, blue is black or white.
JP2_RGB12 = base64.b85decode(
    "0000CYEU2`4GM<}0000KW^{RQYH%_j00000YH%_j0000jYH%`W0000MX=r3}000040000800RpL0000001sntY;pkr000005C8xH3u<sOWB*V8Q2"
    ";Lh000002mk;81ONa400000000002mk;81ONa4000000009E0RamE0Sf^E|55-9000010RRL900IA800cl_|6~9q00BdCWnpw>WFTUBAWv{*Zc0"
    "!^M<8}(a&u{KZXhx)H7+p!kN^q*00000lK=t#lgI2-40Ieme-mxplp!}CAwnB}QP0Y5?M981gH{dO1aV9Q4n_IYh$oQD89(3P#1RquLLcYM%vE$"
    "e%VxcXy?kC?UL=jlkW5NWDF{ZUjTjhX0}vlK&GO_|r3MKhZ;#*Lgb{<ys4kvFG3SYxUi;0v*OdVxUkM3oUOndB>tSLUK!5+)"
)
JP2_RGB12_LOSSY = base64.b85decode(
    "0000CYEU2`4GM<}0000KW^{RQYH%_j00000YH%_j0000jYH%`W0000MX=r3}000040000800RpL0000001sntY;pkr000005C8xGq-t<7WB*V8Q2"
    ";Lh000002mk;81ONa400000000002mk;81ONa4000000009E0RamE0Sf^E|55-9000010RRL90094700lx|0RLnFB>(|Ka%Ew3Wn>^?c_2@4Wo}A"
    "PMMofZWpZ<AZ*CwmE;TMN|BwI*0000004o3i|C7f_0HgN~czi@bG|n6mc&#$l>+{bJ5rfVC^0g%Y*#"
)
JP2_GRAY9 = base64.b85decode(
    "0000CYEU2`4GM<}0000KW^{RQYH%_j00000YH%_j0000jYH%`W0000MX=r3}0000400008009UG0000001sntY;pkr000005dZ)HrfP69WB*V8Q2"
    ";3b000002mk;81ONa400000000002mk;81ONa400000000390RjI~01N;C009611Oxy9|6BkBKuG^&03`qcLvm$dbY)~9VtF7>aAj^vP(?=|c4cy"
    "NX>V>IGA=bPF#nJM3IG5A001-q0soWVnHUl!D3mE%5o<1R<_sVNGz+q_aEx@(^Qq@hckr-``(swp@Bi5"
)

P3_CHRM = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB_CHRM = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def segment(marker: int, payload: bytes) -> bytes:
    """A segment of a JPEG file."""
    return bytes([255, marker]) + struct.pack(">H", len(payload) + 2) + payload


def with_segment(marker: int, payload: bytes, data: bytes = JPEG) -> bytes:
    """A JPEG file with a segment more."""
    return data[:2] + segment(marker, payload) + data[2:]


def chunk(name: bytes, payload: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def with_chunks(*chunks: tuple[bytes, bytes], data: bytes = PNG) -> bytes:
    """A PNG file with more chunks behind its header."""
    return data[:33] + b"".join(chunk(*each) for each in chunks) + data[33:]


def with_riff_chunk(name: bytes, payload: bytes) -> bytes:
    """A WebP file with a chunk more."""
    more = name + struct.pack("<I", len(payload)) + payload
    return WEBP[:4] + struct.pack("<I", len(WEBP) - 8 + len(more)) + WEBP[8:] + more


def nclx(primaries: int, transfer: int) -> bytes:
    """An AVIF file with these code points."""
    place = AVIF.index(b"nclx") + 4
    return AVIF[:place] + struct.pack(">HH", primaries, transfer) + AVIF[place + 4 :]


def mpo(second: Image.Image | None = None) -> bytes:
    """A JPEG file with a second picture, as cameras write it."""
    second = second or Image.fromarray(PHOTO[::-1].copy())
    return encoded(Image.fromarray(PHOTO), "MPO", save_all=True, append_images=[second])


def gain_map() -> bytes:
    """An Ultra HDR file."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description hdrgm:Version="1.0" a="b"/></x:xmpmeta>'
    return with_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp) + encoded(Image.new("L", (16, 12)), "JPEG")


def restarts(*, swapped: bool) -> bytes:
    """A JPEG file with restart markers, perhaps two of them in the wrong order."""
    data = bytearray(encoded(Image.fromarray(PHOTO), "JPEG", restart_marker_rows=1))
    if swapped:
        first, second = data.index(b"\xff\xd0"), data.index(b"\xff\xd1")
        data[first + 1], data[second + 1] = 0xD1, 0xD0
    return bytes(data)


def written_tiff(pixels: npt.NDArray[Any], **options: Any) -> bytes:
    """A TIFF file by tifffile, which can write more kinds than Pillow."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def raw_tiff(make: str, *, version: bool) -> bytes:
    """A camera raw file: a preview, and the sensor's data in a sub-directory."""
    stream = io.BytesIO()
    tags: list[Any] = [(271, 2, len(make) + 1, make, True)]
    tags += [(50706, 1, 4, (1, 4, 0, 0), True)] if version else []
    with tifffile.TiffWriter(stream) as writer:
        writer.write(PHOTO, photometric="rgb", subfiletype=1, subifds=1, extratags=tags)
        writer.write(np.zeros((480, 640), np.uint16), photometric=32803, subfiletype=0)
    return stream.getvalue()


def pyramid(*, reduced: bool) -> bytes:
    """A TIFF file with a smaller picture in a sub-directory."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(PHOTO, photometric="rgb", subifds=1)
        writer.write(PHOTO[::2, ::2], photometric="rgb", subfiletype=int(reduced))
    return stream.getvalue()


def gray_ramp_tiff(**options: Any) -> bytes:
    """16-bit gray whose first column is 0."""
    return written_tiff((np.indices((48, 64))[1] * 1000).astype(np.uint16), **options)


def bmp_a1r5g5b5() -> bytes:
    """A BMP file with a bit of alpha."""
    header = struct.pack("<IiiHHIIiiII4I", 56, 4, 4, 1, 16, 3, 32, 0, 0, 0, 0, 0x7C00, 0x3E0, 0x1F, 0x8000)
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + 32, 0, 0, 14 + len(header)) + header + bytes(32)


def bmp_with_profile() -> bytes:
    """A BMP file with an ICC profile."""
    icc = profile()
    pixels = bytes(4 * 4 * 4)
    header = struct.pack("<IiiHHIIiiII", 124, 4, 4, 1, 24, 0, len(pixels), 0, 0, 0, 0) + bytes(16)
    header += struct.pack("<I", 0x4D424544) + bytes(36 + 12 + 4) + struct.pack("<III", 124 + len(pixels), len(icc), 0)
    return b"BM" + struct.pack("<IHHI", 14 + 124 + len(pixels) + len(icc), 0, 0, 138) + header + pixels + icc


def bmp_with_colour_space(space: int) -> bytes:
    """A BMP file with a header of version 4 and end points of the colours."""
    header = struct.pack("<IiiHHIIiiII", 108, 4, 4, 1, 24, 0, 4 * 4 * 3, 0, 0, 0, 0) + bytes(16)
    header += struct.pack("<I", space) + bytes(range(36)) + bytes(12)
    return b"BM" + struct.pack("<IHHI", 14 + 108 + 48, 0, 0, 122) + header + bytes(48)


def gif_with_application_data(name: bytes) -> bytes:
    """A GIF file with an application extension before the image."""
    place = 13 + 3 * 16
    return GIF[:place] + b"!\xff\x0b" + name + bytes([len(SECRET)]) + SECRET + b"\0" + GIF[place:]


def avif_with(items: list[Item], *references: Reference) -> bytes:
    """An AVIF file with more items."""
    return with_items(Image.fromarray(PHOTO), items, references)


def auxiliary(number: int, what: bytes, kind: bytes = b"av01") -> Item:
    """An auxiliary picture, as MIAF names it."""
    return Item(number, kind, b"urn:mpeg:mpegB:cicp:systems:auxiliary:" + what)


def sun_raster() -> bytes:
    """A Sun raster file, 8x4 pixels of gray."""
    return struct.pack(">8I", 0x59A66A95, 8, 4, 8, 32, 1, 0, 0) + bytes(32)


def jp2_with_profile() -> bytes:
    """A JPEG 2000 file whose colours are told by an ICC profile."""
    place = JP2.index(b"colr") - 4
    (length,) = struct.unpack_from(">I", JP2, place)
    told = box(b"colr", b"\2\0\0" + profile())
    outer = JP2.index(b"jp2h") - 4
    (size,) = struct.unpack_from(">I", JP2, outer)
    changed = JP2[:place] + told + JP2[place + length :]
    return changed[:outer] + struct.pack(">I", size + len(told) - length) + changed[outer + 4 :]
