"""Fields of Sun raster files: the end. rasterfile(5) of SunOS."""

from __future__ import annotations

import struct

from cnncompress.images.fields.file_bytes import FileBytes, behind_the_end
from cnncompress.images.fields.findings import Fields

_HEADER = struct.Struct(">8I")


def read_fields(data: FileBytes) -> Fields:
    """Reads the fields of a Sun raster file."""
    head = data.at(0, _HEADER.size)
    if len(head) < _HEADER.size:
        return Fields()
    _, width, height, depth, length, _, _, palette = _HEADER.unpack(head)
    length = length or (width * depth + 15) // 16 * 2 * height  # files of the oldest kind have 0
    return Fields(extras=behind_the_end(data, _HEADER.size + palette + length, margin=3), known=True)
