"""Fields of PNG files: checksums, colours, text and unknown chunks.

PNG Specification, Third Edition; metadata longer than Pillow allows are read here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from cnncompress.bitstream.ancillary import MAX_METADATA_BYTES, Metadata
from cnncompress.images.fields.colours import ColourTag, from_chromaticities, from_code_points
from cnncompress.images.fields.file_bytes import FileBytes, behind_the_end
from cnncompress.images.fields.findings import Fields, named_once

_SIGNATURE_BYTES = 8
_FRAME_BYTES = 12
_MAX_CHUNKS = 300_000
_BLOCK_BYTES = 1 << 20
_SRGB_GAMMA = 0.45455
_GAMMA_TOLERANCE = 0.01

_STRUCTURE = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"pHYs", b"sBIT", b"bKGD", b"hIST",
     b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"eXIf"}
)  # fmt: skip
_TEXT = (b"tEXt", b"zTXt", b"iTXt")
_REMARKS = (b"tIME", b"sPLT", b"oFFs", b"vpAg", b"caNv")
_NAMED = {
    b"caBX": "C2PA data are not kept",
    b"mDCV": "HDR metadata (mDCV) are not kept",
    b"cLLI": "HDR metadata (cLLI) are not kept",
}
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_CAPTIONS = (b"Raw profile type iptc", b"Raw profile type 8bim")
# Text that programs write by themselves, and what Pillow reads as EXIF.
_REMARK_KEYWORDS = (b"Software", b"date:", b"png:", b"icc:", b"exif:", b"Raw profile type")

PILLOW_TEXT_BYTES = 1 << 20
"""Longest inflated text and profile that Pillow reads."""
PILLOW_TEXTS_BYTES = 1 << 26
"""Most inflated text that Pillow reads."""


class Chunk(NamedTuple):
    """A chunk of a file.

    Attributes:
        name: Its type.
        start: Offset of its length field.
        length: Length of its data.
        is_sound: Whether its checksum is right.
    """

    name: bytes
    start: int
    length: int
    is_sound: bool

    @property
    def is_ancillary(self) -> bool:
        """Whether a decoder may pass over it."""
        return bool(self.name[0] & 0x20)


@dataclass
class _Walk:
    extras: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    remarks: bool = False
    icc: bytes | None = None
    xmp: bytes | None = None
    code_points: bytes | None = None
    chromaticities: bytes | None = None
    gamma: float | None = None
    is_srgb: bool = False
    text_bytes: int = 0
    left_out: list[Chunk] = field(default_factory=list)


def read_fields(data: FileBytes) -> Fields:
    """Reads the fields of a PNG file."""
    walk, last, count = _Walk(), None, 0
    for count, chunk in enumerate(chunks(data), 1):  # noqa: B007 - counted
        if last is None and chunk.name == b"CgBI":
            return Fields(refusal="a PNG in Apple's own variant (CgBI)")
        last = chunk
        _look_at(walk, data, chunk)
    all_seen = count < _MAX_CHUNKS
    if all_seen and (last is None or last.name != b"IEND"):
        walk.damage.append("the end of the image is missing")
    behind: tuple[str, ...] = ()
    if last is not None and last.name == b"IEND":
        behind = behind_the_end(data, last.start + _FRAME_BYTES + last.length, margin=2)
    if walk.texts:
        shown = ", ".join(dict.fromkeys(walk.texts[:4])) + (" ..." if len(walk.texts) > 4 else "")
        walk.extras.append(f"text ({shown}) is not kept")
    return Fields(
        extras=named_once([*walk.extras, *behind]),
        remarks=walk.remarks,
        damage=named_once(walk.damage),
        colour_tag=_colour_tag(walk),
        metadata=Metadata(icc=walk.icc, xmp=walk.xmp),
        mended=_without(data, walk.left_out) if walk.left_out else None,
        known=all_seen,
    )


def chunks(data: FileBytes) -> Iterator[Chunk]:
    """Goes through the chunks, up to ``IEND`` or to one that is cut off."""
    position = _SIGNATURE_BYTES
    for _ in range(_MAX_CHUNKS):
        head = data.at(position, 8)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head)
        stored = data.number(position + 8 + length, 4)
        if stored is None:
            return
        yield Chunk(name, position, length, _checksum(data, position + 4, length + 4) == stored)
        if name == b"IEND":
            return
        position += _FRAME_BYTES + length


def _checksum(data: FileBytes, start: int, length: int) -> int:
    value = 0
    for offset in range(start, start + length, _BLOCK_BYTES):
        value = zlib.crc32(data.at(offset, min(_BLOCK_BYTES, start + length - offset)), value)
    return value


def _look_at(walk: _Walk, data: FileBytes, chunk: Chunk) -> None:
    name = chunk.name
    if not chunk.is_sound:
        shown = name.decode("latin-1") if name.isalpha() else repr(name)[1:]
        walk.damage.append(f"the checksum of a chunk {shown} is wrong")
        if chunk.is_ancillary:
            walk.left_out.append(chunk)
            return
    payload = data.at(chunk.start + 8, min(chunk.length, MAX_METADATA_BYTES)) if chunk.is_ancillary else b""
    if name in _TEXT:
        _text(walk, chunk, payload)
    elif name == b"iCCP" and walk.icc is None:
        walk.icc = _inflated(payload[payload.find(b"\0") + 2 :])
        _leave_out_if_long(walk, chunk, walk.icc)
    elif name == b"cICP" and len(payload) == 4:
        walk.code_points = payload
    elif name == b"cHRM" and len(payload) == 32:
        walk.chromaticities = payload
    elif name == b"gAMA" and len(payload) == 4:
        walk.gamma = int.from_bytes(payload, "big") / 100_000
    elif name == b"sRGB":
        walk.is_srgb = True
    elif name in _REMARKS:
        walk.remarks = True
    elif name not in _STRUCTURE:
        unknown = f"private chunks ({name.decode('latin-1') if name.isalpha() else name.hex()}) are not kept"
        walk.extras.append(_NAMED.get(name, unknown))


def _text(walk: _Walk, chunk: Chunk, payload: bytes) -> None:
    keyword, _, rest = payload.partition(b"\0")
    value: bytes | None = rest
    most = MAX_METADATA_BYTES if keyword == _XMP_KEYWORD and walk.xmp is None else PILLOW_TEXT_BYTES
    if walk.text_bytes > PILLOW_TEXTS_BYTES:
        value = None
    elif chunk.name == b"zTXt":
        value = _inflated(rest[1:], most)
    elif chunk.name == b"iTXt":
        value = rest[2:].split(b"\0", 2)[-1]
        if rest[:1] == b"\1":
            value = _inflated(value, most)
    _leave_out_if_long(walk, chunk, value)
    walk.text_bytes += len(value or b"")
    if keyword == _XMP_KEYWORD and chunk.name == b"iTXt" and walk.xmp is None:
        walk.xmp = value or None
    elif keyword in _CAPTIONS:
        walk.extras.append("captions (IPTC, Photoshop) are not kept")
    elif keyword.startswith(_REMARK_KEYWORDS):
        walk.remarks = True
    else:
        walk.texts.append("".join(filter(str.isprintable, keyword[:40].decode("latin-1"))))


def _leave_out_if_long(walk: _Walk, chunk: Chunk, inflated: bytes | None) -> None:
    if inflated is None or max(len(inflated), chunk.length) >= PILLOW_TEXT_BYTES:
        walk.left_out.append(chunk)


def _inflated(data: bytes, most: int = MAX_METADATA_BYTES) -> bytes | None:
    """Inflates up to a byte more than may be; None if the data are damaged."""
    try:
        return zlib.decompressobj().decompress(data, most + 1)
    except zlib.error:
        return None


def _without(data: FileBytes, left_out: list[Chunk]) -> bytes:
    """Returns the file without damaged ancillary chunks and those that are too long for Pillow."""
    parts, position = [], 0
    for chunk in dict.fromkeys(left_out):
        parts.append(data.at(position, chunk.start - position))
        position = chunk.start + _FRAME_BYTES + chunk.length
    return b"".join([*parts, data.at(position, data.size - position)])


def _colour_tag(walk: _Walk) -> ColourTag | None:
    if walk.code_points is not None:
        primaries, transfer, matrix, full_range = walk.code_points
        return from_code_points("cICP", primaries, transfer, full_range=full_range == 1 and matrix == 0)
    if walk.icc is not None or walk.is_srgb or walk.chromaticities is None:
        return None
    values = [value / 100_000 for value in struct.unpack(">8i", walk.chromaticities)]
    gamma = walk.gamma
    from_srgb = from_chromaticities("cHRM", _eight(values))
    if gamma is None or gamma == 0 or (from_srgb is None and abs(gamma - _SRGB_GAMMA) <= _GAMMA_TOLERANCE):
        return from_srgb
    return from_chromaticities("cHRM", _eight(values), 1 / gamma)


def _eight(values: list[float]) -> tuple[float, float, float, float, float, float, float, float]:
    a, b, c, d, e, f, g, h = values
    return a, b, c, d, e, f, g, h
