"""Fields of QOI files: the colour space and the end. The QOI Image Format, version 1.0."""

from __future__ import annotations

from cnncompress.images.fields.colours import BT709, ColourTag
from cnncompress.images.fields.file_bytes import FileBytes, behind_the_end
from cnncompress.images.fields.findings import Fields

_HEADER_BYTES = 14
_END = bytes(7) + b"\1"
_LINEAR = 1
_BLOCK_BYTES = 1 << 20


def read_fields(data: FileBytes) -> Fields:
    """Reads the fields of a QOI file."""
    linear = data.number(13, 1) == _LINEAR
    tag = ColourTag("the QOI header", BT709, (1, 1, 0, 0, 0)) if linear else None
    end = _end(data)
    if end is None:
        return Fields(colour_tag=tag, damage=("the end of the image is missing",), known=True)
    return Fields(extras=behind_the_end(data, end), colour_tag=tag, known=True)


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
