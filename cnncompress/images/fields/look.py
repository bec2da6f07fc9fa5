"""Reads the fields of a file of any format that is read."""

from __future__ import annotations

from typing import IO

from cnncompress.errors import UnreadableImage
from cnncompress.files.kinds import reason
from cnncompress.images.fields import bmp, gif, heif, jpeg, jpeg2000, png, pnm, qoi, sgi, sun, tiff, webp
from cnncompress.images.fields.file_bytes import FileBytes
from cnncompress.images.fields.findings import Fields
from cnncompress.images.formats import SNIFFED_BYTES, sniff

_READERS = {
    "png": png.read_fields, "jpg": jpeg.read_fields, "webp": webp.read_fields, "avif": heif.read_fields,
    "jp2": jpeg2000.read_fields, "j2k": jpeg2000.read_fields, "pbm": pnm.read_fields, "pgm": pnm.read_fields,
    "ppm": pnm.read_fields, "pfm": pnm.read_fields, "gif": gif.read_fields, "bmp": bmp.read_fields,
    "dib": bmp.read_fields, "sgi": sgi.read_fields, "ras": sun.read_fields, "qoi": qoi.read_fields,
}  # fmt: skip


def look_into(stream: IO[bytes], frame: int | None) -> Fields:
    """Reads the fields of a file and returns to its beginning.

    Args:
        stream: A seekable file.
        frame: The picture that is read, if one was chosen.

    Raises:
        UnreadableImage: The file cannot be read.
    """
    try:
        return _look_into(stream, frame)
    except OSError as error:
        raise UnreadableImage(reason(error)) from error


def _look_into(stream: IO[bytes], frame: int | None) -> Fields:
    data = FileBytes(stream)
    kind = sniff(data.at(0, SNIFFED_BYTES))
    fields = Fields()
    if kind == "tiff":
        fields = tiff.read_fields(data, frame or 0)
    elif kind in _READERS:
        fields = _READERS[kind](data)
    stream.seek(0)
    return fields
