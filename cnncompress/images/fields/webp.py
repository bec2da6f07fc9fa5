"""Fields of WebP files: the chunks of the RIFF container. WebP Container Specification."""

from __future__ import annotations

from cnncompress.images.fields.file_bytes import FileBytes, behind_the_end
from cnncompress.images.fields.findings import Fields, named_once

_RIFF_HEADER_BYTES = 12
_MAX_CHUNKS = 100_000
_KNOWN = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "})


def read_fields(data: FileBytes) -> Fields:
    """Reads the fields of a WebP file."""
    extras, damage = [], []
    declared = 8 + (data.number(4, 4, "little") or 0)
    end = min(declared, data.size)
    position = _RIFF_HEADER_BYTES
    for _ in range(_MAX_CHUNKS):
        name, length = data.at(position, 4), data.number(position + 4, 4, "little")
        if position + 8 > end or length is None:
            break
        if name not in _KNOWN:
            extras.append(f"a private chunk ({name.decode('latin-1') if name.isalnum() else name.hex()}) is not kept")
        position += 8 + length + length % 2
    if declared > data.size + 1:
        damage.append("the file is shorter than it says")
    if position < end - 1:
        damage.append("the chunks end before the file does")
    behind = behind_the_end(data, end)
    return Fields(extras=named_once([*extras, *behind]), damage=tuple(damage), known=position >= end - 1)
