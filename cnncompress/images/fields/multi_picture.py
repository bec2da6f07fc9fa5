"""The list of pictures in a JPEG file of several. CIPA DC-007, Multi-Picture Format."""

from __future__ import annotations

import struct

from cnncompress.images.fields.file_bytes import FileBytes

THUMBNAILS = 0x01
"""Class of pictures that are smaller versions of another one."""

_MPF_ENTRIES = 0xB002
_MPF_ENTRY_BYTES = 16
_MAX_PICTURES = 64


def listed_pictures(data: FileBytes, base: int, length: int) -> list[tuple[int, int, int]]:
    """Returns class, start and length of the pictures in a list; the start is 0 for the picture that holds it.

    Args:
        data: The file.
        base: Offset of the list, from its byte order on.
        length: Length of the list in bytes.
    """
    packed = data.at(base, min(length, 1 << 16))
    order = {b"II": "<", b"MM": ">"}.get(packed[:2])
    if order is None or len(packed) < 8:
        return []
    (directory,) = struct.unpack_from(order + "I", packed, 4)
    if directory + 2 > len(packed):
        return []
    (count,) = struct.unpack_from(order + "H", packed, directory)
    for position in range(directory + 2, min(directory + 2 + 12 * count, len(packed) - 11), 12):
        tag, _, size, offset = struct.unpack_from(order + "HHII", packed, position)
        if tag == _MPF_ENTRIES:
            entries = packed[offset : offset + min(size, _MAX_PICTURES * _MPF_ENTRY_BYTES)]
            found = []
            for start in range(0, len(entries) - _MPF_ENTRY_BYTES + 1, _MPF_ENTRY_BYTES):
                attribute, bytes_, place = struct.unpack_from(order + "III", entries, start)
                found.append((attribute >> 16 & 0xFF, base + place if place else 0, bytes_))
            return found
    return []
