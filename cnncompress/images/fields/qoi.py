"""Fields of QOI files: the end. The QOI Image Format, version 1.0.

The colour space in the header is "purely informative": Pillow writes 1, linear light, for any picture, and viewers take
all of them for sRGB.
"""

from __future__ import annotations

from cnncompress.images.fields.file_bytes import FileBytes, behind_the_end
from cnncompress.images.fields.findings import Fields

_HEADER_BYTES = 14
_END = bytes(7) + b"\1"
_BLOCK_BYTES = 1 << 20


def read_fields(data: FileBytes) -> Fields:
    """Reads the fields of a QOI file."""
    end = _end(data)
    if end is None:
        return Fields(damage=("the end of the image is missing",), known=True)
    return Fields(extras=behind_the_end(data, end), known=True)


def _end(data: FileBytes) -> int | None:
    # Pixels have no seven zeros in a row: an index of 0 twice is coded as a run.
    position = _HEADER_BYTES
    while position < data.size:
        block = data.at(position, _BLOCK_BYTES)
        found = block.find(_END)
        if found >= 0:
            return position + found + len(_END)
        position += max(len(block) - len(_END) + 1, len(_END))
    return None
