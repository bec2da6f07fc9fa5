"""Fields of SGI files: number of channels and the end. The SGI Image File Format, version 1.00."""

from __future__ import annotations

import struct

from cnncompress.images.fields.file_bytes import FileBytes, behind_the_end
from cnncompress.images.fields.findings import Fields

_HEADER = struct.Struct(">HBBHHHH")
_HEADER_BYTES = 512
_NAME = slice(24, 104)
_VERBATIM = 0
_MAX_TABLE_BYTES = 1 << 22


def read_fields(data: FileBytes) -> Fields:
    """Reads the fields of an SGI file."""
    head = data.at(0, _HEADER_BYTES)
    if len(head) < _HEADER_BYTES:
        return Fields()
    _, storage, sample_bytes, dimensions, width, height, channels = _HEADER.unpack_from(head)
    rows = (height if dimensions > 1 else 1) * (channels if dimensions > 2 else 1)
    if storage == _VERBATIM:
        end = _HEADER_BYTES + width * rows * sample_bytes
    else:
        table = data.at(_HEADER_BYTES, min(8 * rows, _MAX_TABLE_BYTES))
        numbers = struct.unpack(f">{len(table) // 4}I", table[: len(table) // 4 * 4])
        starts, lengths = numbers[:rows], numbers[rows:]
        end = max((start + length for start, length in zip(starts, lengths, strict=False)), default=_HEADER_BYTES)
    extras = behind_the_end(data, end, margin=3)
    # Files of this kind are called by the name of the file itself, which is worth no warning.
    return Fields(extras=extras, remarks=bool(head[_NAME].strip(b"\0")), known=True)
