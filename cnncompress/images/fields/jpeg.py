"""Fields of JPEG files: segments, further pictures, restart markers and the end.

ITU-T T.81; CIPA DC-007 (MPF); Adobe's XMP part 3; ISO 21496-1 and Ultra HDR (gain maps).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cnncompress.images.fields.file_bytes import FileBytes, behind_the_end
from cnncompress.images.fields.findings import Fields, named_once
from cnncompress.images.fields.multi_picture import THUMBNAILS, listed_pictures

_MAX_SEGMENTS = 20_000
_FIRST_BLOCK_BYTES, _BLOCK_BYTES = 1 << 12, 1 << 20
_RST0, _RST7, _SOI, _EOI, _SOS, _DRI, _COM, _TEM = 0xD0, 0xD7, 0xD8, 0xD9, 0xDA, 0xDD, 0xFE, 0x01
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff]")

# Segments that are carried, or that only say how the pixels are coded.
_CARRIED = ((0xE1, b"Exif\0"), (0xE1, b"http://ns.adobe.com/xap/1.0/\0"), (0xE2, b"ICC_PROFILE\0"), (0xEE, b"Adobe"))
_REMARKS = ((0xE0, b"JFXX"), (0xEC, b"Ducky"), (0xEC, b"Picture Info"), (0xE2, b"MPF\0"))
_EXTRAS = (
    (0xE1, b"http://ns.adobe.com/xmp/extension/", "extended XMP is not kept"),
    (0xE1, b"FLIR\0", "thermal data (FLIR) are not kept"),
    (0xE2, b"FPXR\0", "FlashPix data are not kept"),
    (0xEB, b"JP", "C2PA or other JUMBF data are not kept"),
    (0xED, b"Photoshop 3.0\0", "captions (IPTC, Photoshop) are not kept"),
)
_GAIN_MAP_SEGMENT = b"urn:iso:std:iso:ts:21496:-1\0"
_GAIN_MAP_WORDS = (b"hdrgm:Version", b"http://ns.apple.com/HDRGainMap", b"apple-HDRGainMap")
_GAIN_MAP = "the gain map (HDR) behind the picture is not kept"
_ICC_HEADER_BYTES = 14


@dataclass
class _Walk:
    """What a walk through the segments has found so far."""

    extras: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    remarks: bool = False
    gain_map: bool = False
    mpf: tuple[int, int] | None = None
    icc: list[tuple[int, int]] = field(default_factory=list)
    precision: int = 8
    frame: int = 0
    width: int = 0
    height: int = 0
    sampling: dict[int, tuple[int, int]] = field(default_factory=dict)
    interval: int = 0
    bits_left: dict[tuple[int, int], int] = field(default_factory=dict)
    end: int | None = None


def read_fields(data: FileBytes) -> Fields:
    """Reads the fields of a JPEG file."""
    walk = _walk(data)
    pictures, behind = _further_pictures(data, walk)
    damage = [*walk.damage]
    if walk.icc and not _is_complete(walk.icc):
        walk.extras.append("the ICC profile is incomplete and not kept")
    if walk.end is None and _has_all_scans(walk):
        damage.append(NO_END)
    refusal = None
    if walk.precision > 8:
        refusal = f"a JPEG with {walk.precision} bits a sample"
    elif walk.frame in (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF):
        refusal = "a hierarchical JPEG"
    return Fields(
        refusal=refusal,
        pictures=pictures,
        extras=named_once([*walk.extras, *behind]),
        remarks=walk.remarks,
        damage=named_once(damage),
        known=True,
    )


NO_END = "the end of the image is missing"
"""Line of damage of a JPEG file without an end marker."""


def _walk(data: FileBytes) -> _Walk:
    walk, position = _Walk(), 2
    for _ in range(_MAX_SEGMENTS):
        found = _next_marker(data, position)
        if found is None:
            return walk
        marker, position = found
        if marker == _EOI:
            walk.end = position
            return walk
        if marker in (_SOI, _TEM) or _RST0 <= marker <= _RST7:
            continue
        length = data.number(position, 2)
        if length is None or length < 2:
            return walk
        _segment(walk, marker, data, position + 2, length - 2)
        position += length
        if marker == _SOS:
            header = data.at(position - length + 2, length - 2)
            _note_scan(walk, header)
            position = _scan(walk, data, position, header)
    walk.remarks = True  # too many to look at
    return walk


def _next_marker(data: FileBytes, position: int) -> tuple[int, int] | None:
    """Returns the next marker, and the position behind it; bytes before it are skipped, as by decoders."""
    head = data.at(position, 2)
    if len(head) == 2 and head[0] == 0xFF and head[1] not in (0, 0xFF):
        return head[1], position + 2
    for start, block in _blocks(data, position):
        match = _MARKER_IN_SCAN.search(block)
        if match is not None:
            return block[match.end() - 1], start + match.end()
    return None


def _blocks(data: FileBytes, position: int) -> Iterator[tuple[int, bytes]]:
    """Yields the rest of a file, in blocks that share a byte and grow: most markers are near."""
    length = _FIRST_BLOCK_BYTES
    while position < data.size:
        block = data.at(position, length)
        yield position, block
        position += max(len(block) - 1, 1)
        length = min(2 * length, _BLOCK_BYTES)


def _segment(walk: _Walk, marker: int, data: FileBytes, start: int, length: int) -> None:
    head = data.at(start, min(length, 64))
    if marker in _FRAMES and not walk.frame:
        _frame(walk, marker, data.at(start, length))
    elif marker == _DRI and len(head) >= 2:
        walk.interval = int.from_bytes(head[:2], "big")
    elif marker == _COM:
        walk.extras.append("comments are not kept")
    elif 0xE0 <= marker <= 0xEF:
        _application_data(walk, marker, data, start, length, head)


def _application_data(walk: _Walk, marker: int, data: FileBytes, start: int, length: int, head: bytes) -> None:
    if marker == 0xE0 and head.startswith(b"JFIF\0"):
        walk.remarks |= length > 14  # a thumbnail
    elif marker == 0xE2 and head.startswith(_GAIN_MAP_SEGMENT):
        walk.gain_map = True
    elif any(marker == number and head.startswith(name) for number, name in _CARRIED):
        if head.startswith(b"ICC_PROFILE\0") and len(head) >= _ICC_HEADER_BYTES:
            walk.icc.append((head[12], head[13]))
        if head.startswith(b"http"):
            packet = data.at(start, length)
            walk.gain_map |= any(words in packet for words in _GAIN_MAP_WORDS)
    elif any(marker == number and head.startswith(name) for number, name in _REMARKS):
        walk.remarks |= not head.startswith(b"MPF\0")
        if head.startswith(b"MPF\0"):
            walk.mpf = (start + 4, length - 4)
    else:
        known = (text for number, name, text in _EXTRAS if marker == number and head.startswith(name))
        walk.extras.append(next(known, f"application data (APP{marker - 0xE0}) are not kept"))


def _frame(walk: _Walk, marker: int, payload: bytes) -> None:
    if len(payload) < 6:
        return
    walk.frame = marker
    walk.precision, walk.height, walk.width, count = struct.unpack_from(">BHHB", payload)
    for index in range(6, min(6 + 3 * count, len(payload) - 2), 3):
        walk.sampling[payload[index]] = (payload[index + 1] >> 4, payload[index + 1] & 15)


def _note_scan(walk: _Walk, header: bytes) -> None:
    """Notes how many bits of which coefficients are still missing after a scan."""
    count = header[0] if header else 0
    if len(header) < 4 + 2 * count:
        return
    first, last, bits = header[1 + 2 * count : 4 + 2 * count]
    for name in header[1 : 1 + 2 * count : 2]:
        for index in range(first, min(last, 63) + 1) if walk.frame in _PROGRESSIVE else (0,):
            walk.bits_left[name, index] = bits & 15 if walk.frame in _PROGRESSIVE else 0


def _has_all_scans(walk: _Walk) -> bool:
    indices = range(64) if walk.frame in _PROGRESSIVE else range(1)
    return bool(walk.sampling) and all(
        walk.bits_left.get((name, index)) == 0 for name in walk.sampling for index in indices
    )


def _scan(walk: _Walk, data: FileBytes, start: int, header: bytes) -> int:
    """Looks at the restart markers of a scan, and returns where it ends."""
    restarts, in_order = 0, True
    end = data.size
    for position, block in _blocks(data, start):
        for match in _MARKER_IN_SCAN.finditer(block):
            marker = block[match.end() - 1]
            if _RST0 <= marker <= _RST7:
                in_order &= marker == _RST0 + restarts % 8
                restarts += 1
            elif marker < 0xC0:
                walk.damage.append("the coded data hold a marker that does not belong there")
            else:
                end = position + match.start()
                break
        if end < data.size:
            break
    expected = _expected_restarts(walk, header)
    if end < data.size and (not in_order or (expected is not None and restarts != expected)):
        walk.damage.append("restart markers are missing or in the wrong order")
    return end


def _expected_restarts(walk: _Walk, header: bytes) -> int | None:
    """Returns the number of restart markers of a scan; None if it cannot be told."""
    if not walk.interval:
        return 0
    names = header[1 : 1 + 2 * header[0] : 2] if header else b""
    if walk.frame in _LOSSLESS or not walk.height or not names or any(name not in walk.sampling for name in names):
        return None
    widest = max(across for across, _ in walk.sampling.values())
    highest = max(down for _, down in walk.sampling.values())
    if not widest or not highest:
        return None
    if len(names) == 1:
        across, down = walk.sampling[names[0]]
        width, height = _divided(walk.width * across, widest), _divided(walk.height * down, highest)
        units = _divided(width, 8) * _divided(height, 8)
    else:
        units = _divided(walk.width, 8 * widest) * _divided(walk.height, 8 * highest)
    return max(_divided(units, walk.interval) - 1, 0)


def _divided(value: int, divisor: int) -> int:
    """Divides and rounds up."""
    return -(-value // divisor)


def _is_complete(parts: list[tuple[int, int]]) -> bool:
    count = parts[0][1]
    return all(total == count for _, total in parts) and sorted(number for number, _ in parts) == [*range(1, count + 1)]


def _further_pictures(data: FileBytes, walk: _Walk) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns lines for pictures behind the first one, and for other data there."""
    if walk.end is None:
        return ((_GAIN_MAP,) if walk.gain_map else ()), ()
    listed = listed_pictures(data, *walk.mpf) if walk.mpf is not None else []
    covered, pictures = walk.end, []
    for kind, start, length in listed:
        if start == 0 or not walk.end <= start <= data.size - length:
            continue
        gap = data.at(covered, min(max(start - covered, 0), _BLOCK_BYTES))
        if gap.strip(b"\0\xff"):
            return (_GAIN_MAP,) if walk.gain_map else (_SECOND,), ("bytes between the pictures are not kept",)
        covered = max(covered, start + length)
        walk.remarks = True
        if kind != THUMBNAILS:
            pictures.append(_GAIN_MAP if walk.gain_map else _SECOND)
    behind = behind_the_end(data, covered)
    if behind and data.at(covered, 3) == b"\xff\xd8\xff":
        pictures.append(_GAIN_MAP if walk.gain_map else _SECOND)
        behind = _behind_second(data, covered)
    elif walk.gain_map and not pictures and behind:
        pictures.append(_GAIN_MAP)
    return named_once(pictures), behind


_SECOND = "a second picture is not kept"


def _behind_second(data: FileBytes, start: int) -> tuple[str, ...]:
    """Describes what follows a picture that follows the first one: on phones, a video."""
    tail = data.at(start, min(data.size - start, 64 << 20))
    return ("the video behind the picture is not kept",) if b"ftypmp4" in tail or b"ftypisom" in tail else ()
