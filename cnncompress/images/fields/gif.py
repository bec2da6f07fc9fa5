"""Fields of GIF files: comments, extensions and the end. GIF89a Specification."""

from __future__ import annotations

from cnncompress.images.fields.file_bytes import FileBytes, behind_the_end
from cnncompress.images.fields.findings import Fields, named_once

_SCREEN_BYTES = 13
_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_COMMENT, _PLAIN_TEXT, _APPLICATION = 0xFE, 0x01, 0xFF
_MAX_BLOCKS = 200_000
_HARMLESS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_XMP = b"XMP DataXMP"
_ICC = b"ICCRGBG1012"


def read_fields(data: FileBytes) -> Fields:
    """Reads the fields of a GIF file."""
    extras: list[str] = []
    position = _SCREEN_BYTES + _palette_bytes(data.at(10, 1))
    blocks = 0
    while blocks < _MAX_BLOCKS:
        kind = data.number(position, 1)
        if kind == _TRAILER:
            return Fields(extras=named_once([*extras, *behind_the_end(data, position + 1)]), known=True)
        if kind == _IMAGE:
            position += 10 + _palette_bytes(data.at(position + 9, 1)) + 1
        elif kind == _EXTENSION:
            _extension(data, position, extras)
            position += 2
        else:
            break
        position, passed = _behind_blocks(data, position, _MAX_BLOCKS - blocks)
        blocks += passed + 1
    if blocks >= _MAX_BLOCKS:
        return Fields(extras=named_once(extras))
    damage = ("the end of the image is missing",) if position >= data.size else ("a block of an unknown kind",)
    return Fields(extras=named_once(extras), damage=damage)


def _palette_bytes(flags: bytes) -> int:
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _behind_blocks(data: FileBytes, position: int, limit: int) -> tuple[int, int]:
    """Returns the position behind a chain of data blocks, and their number."""
    for passed in range(max(limit, 1)):
        length = data.number(position, 1)
        if length is None:
            return data.size, passed
        position += 1 + length
        if length == 0:
            return position, passed
    return position, limit


def _extension(data: FileBytes, position: int, extras: list[str]) -> None:
    label = data.number(position + 1, 1)
    if label == _COMMENT:
        extras.append("comments are not kept")
    elif label == _PLAIN_TEXT:
        extras.append("text on the picture is not kept")
    elif label == _APPLICATION:
        name = data.at(position + 3, 11)
        if name == _ICC:
            extras.append("the ICC profile of a GIF is not kept")
        elif name == _XMP:
            extras.append("XMP of a GIF is not kept")
        elif name not in _HARMLESS:
            extras.append("application data are not kept")
