"""What is to happen with each thing that the fields of a file say."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from avif_files import Item, Reference, box, wide_box
from field_files import (
    AVIF,
    BMP,
    GIF,
    JP2,
    JP2_GRAY9,
    JP2_RGB12,
    JP2_RGB12_LOSSY,
    JPEG,
    P3_CHRM,
    PHOTO,
    PNG,
    PPM,
    QOI,
    SECRET,
    SRGB_CHRM,
    WEBP,
    auxiliary,
    avif_with,
    bmp_a1r5g5b5,
    bmp_with_colour_space,
    bmp_with_profile,
    chunk,
    gain_map,
    gif_with_application_data,
    gray_ramp_tiff,
    jp2_with_profile,
    mpo,
    nclx,
    pyramid,
    raw_tiff,
    restarts,
    segment,
    sun_raster,
    with_chunks,
    with_riff_chunk,
    with_segment,
    written_tiff,
)
from PIL import Image
from sample_files import XMP, encoded, exif, profile, tiff

Fate = Literal["carried", "ICC profile", "warning", "left out", "refused", "damage"]
"""What happens: carried; carried as an ICC profile; left out or changed with a warning; left out with a warning unless
``--strip other`` is given; refused by name; read, as damaged."""


@dataclass(frozen=True)
class Case:
    """A file, and what is to happen with it.

    Attributes:
        format: Name of its format.
        says: What its fields say.
        fate: What is to happen.
        data: The file.
        words: Of the message, if there is one.
        white: A pixel, column and row, whose first sample has to come out as that of white; None if none has to.
    """

    format: str
    says: str
    fate: Fate
    data: bytes
    words: str = ""
    white: tuple[int, int] | None = None

    def __str__(self) -> str:
        return f"{self.format}: {self.says}"


def cases() -> list[Case]:
    """All of them, in the order of docs/IMAGES.md."""
    return [*_jpeg(), *_png(), *_tiff(), *_others(), *_foreign()]


def _metadata() -> dict[str, bytes]:
    return {"exif": b"Exif\0\0" + exif(orientation=1), "xmp": XMP, "icc_profile": profile()}


def _jpeg() -> Iterator[Case]:
    yield Case("JPEG", "EXIF, XMP, ICC profile", "carried", encoded(Image.fromarray(PHOTO), "JPEG", **_metadata()))
    icc = profile()
    part = segment(0xE2, b"ICC_PROFILE\0\1\2" + icc[:99])
    yield Case("JPEG", "ICC profile of which a part is missing", "left out", JPEG[:2] + part + JPEG[2:], "incomplete")
    yield Case("JPEG", "gain map (Ultra HDR)", "left out", gain_map(), "gain map")
    yield Case("JPEG", "second picture (MPO)", "left out", mpo(), "second picture")
    yield Case("JPEG", "video behind the picture", "left out", JPEG + box(b"ftyp", b"mp42") + SECRET * 9, "video")
    yield Case("JPEG", "other bytes behind the picture", "left out", JPEG + SECRET, "24 bytes behind")
    yield Case("JPEG", "padding behind the picture", "carried", JPEG + bytes(5000))
    for marker, payload, words in (
        (0xFE, SECRET, "comments"),
        (0xED, b"Photoshop 3.0\0" + SECRET, "captions"),
        (0xEB, b"JP\0\1\0\0\0\1" + SECRET, "C2PA"),
        (0xE1, b"FLIR\0" + SECRET, "thermal"),
        (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + SECRET, "extended XMP"),
        (0xE4, SECRET, "APP4"),
    ):
        says = "other application data" if words == "APP4" else words
        yield Case("JPEG", says, "left out", with_segment(marker, payload), words)
    yield Case("JPEG", "restart markers", "carried", restarts(swapped=False))
    yield Case("JPEG", "restart markers in the wrong order", "damage", restarts(swapped=True), "restart")
    yield Case("JPEG", "no end, and all pixels", "damage", JPEG[:-2], "end of the image")
    frame = JPEG.index(b"\xff\xc0") + 4
    yield Case("JPEG", "12 bits a sample", "refused", JPEG[:frame] + b"\x0c" + JPEG[frame + 1 :], "12 bits")
    hierarchical = JPEG.replace(b"\xff\xc0", b"\xff\xc5")
    yield Case("JPEG", "hierarchical, of pictures of several sizes", "refused", hierarchical, "hierarchical")
    yield Case("JPEG", "thumbnail (JFXX)", "carried", with_segment(0xE0, b"JFXX\0\x13\x01\x01abc"))


def _png() -> Iterator[Case]:
    yield Case(
        "PNG",
        "EXIF, XMP, ICC profile, up to 16 MiB each",
        "carried",
        with_chunks(
            (b"iCCP", b"x\0\0" + zlib.compress(profile())),
            (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"<x/>" * 400_000)),
        ),
    )
    yield Case("PNG", "cICP of sRGB", "carried", with_chunks((b"cICP", bytes([1, 13, 0, 1]))))
    yield Case("PNG", "cICP of Display P3", "ICC profile", with_chunks((b"cICP", bytes([12, 13, 0, 1]))), "cICP")
    yield Case("PNG", "cICP of BT.2100 PQ or HLG", "warning", with_chunks((b"cICP", bytes([9, 16, 0, 1]))), "PQ")
    yield Case(
        "PNG",
        "cHRM and gAMA of sRGB",
        "carried",
        with_chunks((b"gAMA", struct.pack(">I", 45455)), (b"cHRM", SRGB_CHRM)),
    )
    yield Case("PNG", "cHRM", "ICC profile", with_chunks((b"cHRM", P3_CHRM)), "cHRM")
    yield Case(
        "PNG",
        "cHRM and gAMA",
        "ICC profile",
        with_chunks((b"gAMA", struct.pack(">I", 100_000)), (b"cHRM", P3_CHRM)),
        "cHRM",
    )
    yield Case("PNG", "gAMA alone", "warning", with_chunks((b"gAMA", struct.pack(">I", 100_000))), "gamma of 1")
    yield Case("PNG", "HDR metadata (mDCV, cLLI)", "left out", with_chunks((b"cLLI", bytes(8))), "HDR metadata")
    yield Case("PNG", "text", "left out", with_chunks((b"tEXt", b"Comment\0" + SECRET)), r"text \(Comment\)")
    yield Case(
        "PNG", "name of the program, time", "carried", with_chunks((b"tEXt", b"Software\0x"), (b"tIME", bytes(7)))
    )
    yield Case("PNG", "C2PA", "left out", with_chunks((b"caBX", SECRET)), "C2PA")
    yield Case("PNG", "private chunks", "left out", with_chunks((b"prVt", SECRET)), "prVt")
    yield Case("PNG", "bytes behind the end", "left out", PNG + SECRET, "24 bytes behind")
    bad = bytearray(with_chunks((b"tEXt", b"Software\0x")))
    bad[33 + 8 + 10] ^= 1
    yield Case("PNG", "wrong checksum of an ancillary chunk", "damage", bytes(bad), "checksum of a chunk tEXt")
    yield Case("PNG", "no end, and all pixels", "damage", PNG[:-12], "end of the image")
    yield Case("PNG", "Apple's variant (CgBI)", "refused", PNG[:8] + chunk(b"CgBI", bytes(4)) + PNG[8:], "CgBI")


def _tiff() -> Iterator[Case]:
    planes = np.moveaxis(PHOTO, -1, 0)
    deep = planes.astype(np.uint16) * 257
    yield Case("TIFF", "camera raw (DNG)", "refused", raw_tiff("Cam", version=True), "DNG")
    yield Case("TIFF", "camera raw (NEF, ARW, PEF ...)", "refused", raw_tiff("NIKON CORPORATION", version=False), "NEF")
    yield Case("TIFF", "smaller versions in sub-directories", "carried", pyramid(reduced=True))
    yield Case("TIFF", "other pictures in sub-directories", "left out", pyramid(reduced=False), "further pictures")
    yield Case("TIFF", "planes", "carried", written_tiff(planes, photometric="rgb", planarconfig="separate"))
    deep_planes = written_tiff(deep, photometric="rgb", planarconfig="separate")
    yield Case("TIFF", "planes of 16 bits", "warning", deep_planes, "more than 8 bits")
    yield Case(
        "TIFF",
        "planes of gray and alpha",
        "refused",
        written_tiff(planes[:2], photometric="minisblack", planarconfig="separate", extrasamples=["unassalpha"]),
        "separate planes",
    )
    yield Case("TIFF", "16-bit gray, 0 is black", "warning", gray_ramp_tiff(photometric="minisblack"), "16-bit")
    yield Case("TIFF", "16-bit gray, 0 is white", "warning", gray_ramp_tiff(photometric="miniswhite"), "16-bit", (0, 0))
    yield Case("TIFF", "signed samples", "refused", written_tiff(planes[0].astype(np.int8)), "signed")
    yield Case(
        "TIFF",
        "float samples in colour",
        "refused",
        written_tiff((PHOTO / 255).astype(np.float32), photometric="rgb"),
        "3 x 32-bit float",
    )
    yield Case(
        "TIFF",
        "12 bits a sample in colour",
        "refused",
        tiff(
            {256: (3, [4]), 257: (3, [2]), 258: (3, [12] * 3), 259: (3, [1]), 262: (3, [2]), 277: (3, [3])}, bytes(36)
        ),
        r"12 \+ 12 \+ 12 bits",
    )
    bands = np.dstack([PHOTO, PHOTO[..., :1]])
    yield Case(
        "TIFF",
        "infrared or another band",
        "warning",
        written_tiff(bands, photometric="rgb", extrasamples=["unspecified"]),
        "a further band",
    )
    yield Case(
        "TIFF",
        "captions, geo-references, private tags",
        "left out",
        written_tiff(
            PHOTO, photometric="rgb", metadata=None, extratags=[(65000, 2, len(SECRET) + 1, SECRET.decode(), True)]
        ),
        "65000",
    )
    yield Case(
        "TIFF",
        "primaries of Display P3",
        "ICC profile",
        written_tiff(
            PHOTO,
            photometric="rgb",
            metadata=None,
            extratags=[
                (318, 5, 2, (3127, 10000, 3290, 10000), True),
                (319, 5, 6, (68, 100, 32, 100, 265, 1000, 69, 100, 15, 100, 6, 100), True),
            ],
        ),
        "PrimaryChromaticities",
    )
    yield Case("TIFF", "offsets of 64 bits (BigTIFF)", "carried", written_tiff(PHOTO, bigtiff=True, metadata=None))


def _others() -> Iterator[Case]:
    yield Case("WebP", "private chunks", "left out", with_riff_chunk(b"ABCD", SECRET), "ABCD")
    yield Case("WebP", "bytes behind the end", "left out", WEBP + SECRET, "24 bytes behind")
    yield from _avif()
    yield Case("JPEG 2000", "more than 8 bits, without loss", "warning", JP2_RGB12, "more than 8 bits", (7, 3))
    yield Case("JPEG 2000", "gray with 9 bits", "warning", JP2_GRAY9, "more than 8 bits", (7, 3))
    yield Case("JPEG 2000", "colour with more than 8 bits, with loss", "refused", JP2_RGB12_LOSSY, "12 bits")
    yield Case("JPEG 2000", "ICC profile", "carried", jp2_with_profile())
    yield Case("JPEG 2000", "private boxes, geo-references", "left out", JP2 + box(b"uuid", SECRET), "private boxes")
    commented = encoded(Image.fromarray(PHOTO).quantize(4), "GIF", comment=SECRET)
    yield Case("GIF", "comments", "left out", commented, "comments")
    yield Case("GIF", "ICC profile", "left out", gif_with_application_data(b"ICCRGBG1012"), "ICC profile of a GIF")
    yield Case("GIF", "XMP", "left out", gif_with_application_data(b"XMP DataXMP"), "XMP of a GIF")
    yield Case("GIF", "no end", "damage", GIF[:-1], "end of the image")
    yield Case("GIF", "bytes behind the end", "left out", GIF + SECRET, "24 bytes behind")
    yield Case("BMP", "ICC profile", "carried", bmp_with_profile())
    yield Case("BMP", "calibrated colours", "warning", bmp_with_colour_space(0), "calibrated")
    yield Case("BMP", "profile in another file", "warning", bmp_with_colour_space(0x4C494E4B), "another file")
    yield Case("BMP", "alpha of 16-bit pixels", "warning", bmp_a1r5g5b5(), "alpha")
    dib, sgi = (encoded(Image.fromarray(PHOTO), name) for name in ("DIB", "SGI"))
    for name, data in (("BMP", BMP), ("DIB", dib), ("SGI", sgi), ("Sun raster", sun_raster())):
        yield Case(name, "bytes behind the end", "left out", data + SECRET, "24 bytes behind")
    yield Case("QOI", "linear light, which is informative only", "carried", QOI[:13] + b"\1" + QOI[14:])
    yield Case("QOI", "bytes behind the end", "left out", QOI + SECRET, "24 bytes behind")
    yield Case("PNM", "comments", "left out", PPM[:3] + b"# " + SECRET + b"\n" + PPM[3:], "comments")
    yield Case("PNM", "a second picture", "left out", PPM + PPM, "second picture")
    yield Case("PNM", "bytes behind the end", "left out", PPM + SECRET, "24 bytes behind")


def _avif() -> Iterator[Case]:
    yield Case("AVIF", "EXIF, XMP, ICC profile", "carried", encoded(Image.fromarray(PHOTO), "AVIF", **_metadata()))
    yield Case("AVIF", "nclx of sRGB", "carried", AVIF)
    yield Case("AVIF", "nclx of Display P3", "ICC profile", nclx(12, 13), "nclx")
    yield Case("AVIF", "nclx of BT.2100 PQ or HLG", "warning", nclx(9, 16), "PQ")
    yield Case("AVIF", "thumbnails", "carried", avif_with([Item(9)], Reference(b"thmb", 9, (1,))))
    cells = avif_with(
        [auxiliary(7, b"alpha", b"grid"), Item(8), Item(9)],
        Reference(b"auxl", 7, (1,)),
        Reference(b"dimg", 7, (8, 9)),
    )
    yield Case("AVIF", "alpha plane of several cells", "carried", cells)
    tone_map = avif_with([Item(8), Item(9, b"tmap")], Reference(b"dimg", 9, (1, 8)))
    yield Case("AVIF", "gain map (HDR)", "left out", tone_map, "gain map")
    depth = avif_with([auxiliary(9, b"depth")], Reference(b"auxl", 9, (1,)))
    yield Case("AVIF", "depth map", "left out", depth, "depth map")
    yield Case("AVIF", "second picture", "left out", avif_with([Item(9)]), "second picture")
    yield Case("AVIF", "video behind the picture", "left out", AVIF + box(b"mpvd", SECRET), "video")
    yield Case("AVIF", "private items", "left out", avif_with([Item(9, b"abcd")]), r"private items \(abcd\)")
    yield Case("AVIF", "private boxes", "left out", AVIF + box(b"abcd", SECRET), "abcd")
    unused = wide_box(b"free", bytes(8)) + struct.pack(">I4s", 0, b"free") + bytes(8)
    yield Case("AVIF", "boxes with lengths of 64 bits, boxes without a length", "carried", AVIF + unused)


def _foreign() -> Iterator[Case]:
    heads = {
        "HEIC": b"\0\0\0\x18ftypheic", "JPEG XL": b"\xff\x0a", "camera raw (CR3)": b"\0\0\0\x18ftypcrx ",
        "camera raw (RAF)": b"FUJIFILMCCD-RAW ", "camera raw (ORF)": b"IIRO\x08\0\0\0", "camera raw (RW2)": b"IIU\0",
        "PSD": b"8BPS\0\1", "OpenEXR": b"v/1\x01", "PDF": b"%PDF-1.7", "a video": b"\0\0\0\x18ftypisom",
    }  # fmt: skip
    for name, head in heads.items():
        words = name.replace("(", r"\(").replace(")", r"\)")
        yield Case("others", name, "refused", head.ljust(64, b"\0"), f"^{words} is not supported")
