"""Fields of BMP and DIB files: bit masks, colour space and profile. Microsoft's BITMAPINFOHEADER, V4 and V5."""

from __future__ import annotations

import struct

from cnncompress.bitstream.ancillary import MAX_METADATA_BYTES, Metadata
from cnncompress.images.fields.colours import ColourTag
from cnncompress.images.fields.file_bytes import FileBytes, behind_the_end
from cnncompress.images.fields.findings import Fields

_FILE_HEADER_BYTES = 14
_BITFIELDS = (3, 6)
_V4_BYTES, _V5_BYTES = 108, 124
_CALIBRATED, _EMBEDDED, _LINKED = 0, 0x4D424544, 0x4C494E4B
_UNCOMPRESSED = 0


def read_fields(data: FileBytes) -> Fields:
    """Reads the fields of a BMP file, or of a DIB file, which is one without its first header."""
    start = _FILE_HEADER_BYTES if data.at(0, 2) == b"BM" else 0
    header = data.at(start, _V5_BYTES)
    size = int.from_bytes(header[:4], "little")
    if size < 40 or len(header) < 40:  # OS/2: nothing but pixels
        return Fields()
    _, width, height, _, bits, compression = struct.unpack_from("<IiiHHI", header)
    masks = struct.unpack_from("<4I", header.ljust(56, b"\0"), 40) if compression in _BITFIELDS else (0, 0, 0, 0)
    losses = ("the alpha of a 16-bit BMP is not kept",) if bits == 16 and size >= 56 and masks[3] else ()
    tag, profile, profile_end = None, None, 0
    if size >= _V4_BYTES and len(header) >= _V4_BYTES:
        (space,) = struct.unpack_from("<I", header, 56)
        if space == _CALIBRATED and any(header[60:96]):
            tag = ColourTag("the BMP header", inexact="calibrated colours")
        elif space == _LINKED:
            tag = ColourTag("the BMP header", inexact="a profile in another file")
        elif space == _EMBEDDED and size >= _V5_BYTES and len(header) >= _V5_BYTES:
            place, length = struct.unpack_from("<II", header, 112)
            profile = data.at(start + place, min(length, MAX_METADATA_BYTES + 1)) or None
            profile_end = start + place + length
    if start:
        pixels = data.number(10, 4, "little") or 0
    else:
        (used,) = struct.unpack_from("<I", header, 32)
        pixels = size + 4 * (min(used, 256) or 1 << bits if bits <= 8 else 0) + 12 * (compression == 3 and size == 40)
    end = max(_end_of_pixels(data, pixels, width, height, bits, compression), profile_end)
    return Fields(
        kind=f"a BMP with {bits} bits a pixel and unusual bit masks" if compression in _BITFIELDS else None,
        extras=behind_the_end(data, end, margin=4),
        losses=losses,
        colour_tag=tag,
        metadata=Metadata(icc=profile),
        known=True,
    )


def _end_of_pixels(data: FileBytes, start: int, width: int, height: int, bits: int, compression: int) -> int:
    if compression == _UNCOMPRESSED or compression in _BITFIELDS:
        return start + (abs(width) * bits + 31) // 32 * 4 * abs(height)
    return data.number(2, 4, "little") or data.size
