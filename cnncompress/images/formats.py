"""Image formats: by name, by file name, and by the first bytes of a file."""

from __future__ import annotations

import re
from pathlib import PurePath

OUTPUT_FORMATS = ("png", "ppm", "jpg", "webp", "tiff", "avif", "bmp", "npy")
"""Formats that a decompressed image can be written in."""

FORMATS_WITH_ALPHA = ("png", "webp", "tiff", "avif", "npy")
FORMATS_WITH_QUALITY = ("jpg", "webp", "avif")
FORMATS_WITH_METADATA = ("png", "jpg", "webp", "tiff", "avif")

SNIFFED_BYTES = 16
"""Number of bytes at the beginning of a file that `sniff` reads."""

_ALIASES = {"jpeg": "jpg", "tif": "tiff", "pgm": "ppm", "pbm": "ppm", "pnm": "ppm"}

_IMAGE_ENDINGS = frozenset(
    {
        ".apng", ".avif", ".bmp", ".bw", ".dib", ".gif", ".j2c", ".j2k", ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg",
        ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".ras", ".rgb",
        ".rgba", ".sgi", ".sun", ".tif", ".tiff", ".webp",
    }
)  # fmt: skip

_SIGNATURES = (
    (rb"\x89CN", "cnc"),
    (rb"\x89PNG\r\n\x1a\n", "png"),
    (rb"\xff\xd8\xff", "jpg"),
    (rb"RIFF.{4}WEBP", "webp"),
    (rb".{4}ftyp(?:avi[fs]|m[is]f1)", "avif"),
    (rb"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (rb"\xff\x4f\xff\x51", "j2k"),
    (rb"II[*+]\0|MM\0[*+]", "tiff"),
    (rb"P[14][\s#]", "pbm"),
    (rb"P[25][\s#]", "pgm"),
    (rb"P[36][\s#]", "ppm"),
    (rb"Pf[\s#]", "pfm"),
    (rb"GIF8[79]a", "gif"),
    (rb"BM", "bmp"),
    (rb"(?:[\x0c\x28\x34\x38\x40\x6c\x7c])\0\0\0", "dib"),
    (rb"qoif", "qoi"),
    (rb"\x01\xda", "sgi"),
    (rb"\x59\xa6\x6a\x95", "ras"),
)

_FOREIGN = (
    (rb".{4}ftyp(?:hei[cxms]|hev[cxms])", "HEIC"),
    (rb".{4}ftypcrx ", "camera raw (CR3)"),
    (rb".{4}ftyp(?:qt  |isom|iso2|mp4|M4V|3gp|avc1|dash)", "a video"),
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (rb"FUJIFILMCCD-RAW", "camera raw (RAF)"),
    (rb"II(?:RO|RS)|MMOR", "camera raw (ORF)"),
    (rb"IIU\0", "camera raw (RW2)"),
    (rb"FOVb", "camera raw (X3F)"),
    (rb"\0MRM", "camera raw (MRW)"),
    (rb"II\xbc", "JPEG XR"),
    (rb"\xff\xd8\xff\xf7", "JPEG-LS"),
    (rb"8BPS", "PSD"),
    (rb"v/1\x01", "OpenEXR"),
    (rb"#\?RADIANCE|#\?RGBE", "Radiance HDR"),
    (rb"\0\0[\x01\x02]\0[^\0]\0", "ICO"),
    (rb"icns", "ICNS"),
    (rb"DDS ", "DDS"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
    (rb"%PDF-", "PDF"),
    (rb"gimp xcf ", "XCF"),
    (rb"SIMPLE  =", "FITS"),
    (rb"\x0a[\0-\x05]\x01[\x01\x02\x04\x08]", "PCX"),
    (rb"BPG\xfb", "BPG"),
    (rb"FLIF", "FLIF"),
    (rb"AT&TFORM", "DjVu"),
    (rb"farbfeld", "farbfeld"),
    (rb"PF[\s]", "PFM in colour"),
    (rb"P7\s", "PAM"),
    (rb"<svg", "SVG"),
)


def is_image_ending(ending: str) -> bool:
    """Checks whether a file name ending, without the dot, is one of an image format."""
    return f".{ending.lower()}" in _IMAGE_ENDINGS


def output_format(name: str) -> str | None:
    """Returns the member of `OUTPUT_FORMATS` that the ending of a file name selects, or None."""
    ending = PurePath(name).suffix[1:].lower()
    ending = _ALIASES.get(ending, ending)
    return ending if ending in OUTPUT_FORMATS else None


def sniff(data: bytes | memoryview) -> str | None:
    """Detects the format of a file from its first bytes; its name is not considered.

    Args:
        data: The file or its beginning, at least `SNIFFED_BYTES` unless the file is shorter.

    Returns:
        The usual file name ending: ``cnc``, or that of a format that can be compressed, such as ``jpg``. None for any
        other file.
    """
    start = bytes(memoryview(data)[:SNIFFED_BYTES])
    for signature, ending in _SIGNATURES:
        if re.match(signature, start, re.DOTALL):
            return ending
    return None


def foreign_format(start: bytes) -> str | None:
    """Names the format of an image file that is known but cannot be compressed, from its first bytes.

    Args:
        start: The first `SNIFFED_BYTES` of the file.
    """
    for signature, name in _FOREIGN:
        if re.match(signature, start, re.DOTALL):
            return name
    return None
