"""Reads the fields of a file of any format that is read."""

from __future__ import annotations

from typing import IO, NamedTuple

from cnncompress.errors import UnreadableImage
from cnncompress.files.kinds import reason
from cnncompress.images.fields import bmp, gif, heif, jpeg, jpeg2000, png, pnm, qoi, sgi, sun, tiff, webp
from cnncompress.images.fields.file_bytes import FileBytes
from cnncompress.images.fields.findings import Fields
from cnncompress.images.formats import SNIFFED_BYTES, sniff

_READERS = {
    "jpg": jpeg.read_fields, "webp": webp.read_fields, "avif": heif.read_fields, "jp2": jpeg2000.read_fields,
    "j2k": jpeg2000.read_fields, "pbm": pnm.read_fields, "pgm": pnm.read_fields, "ppm": pnm.read_fields,
    "pfm": pnm.read_fields, "gif": gif.read_fields, "bmp": bmp.read_fields, "dib": bmp.read_fields,
    "sgi": sgi.read_fields, "ras": sun.read_fields, "qoi": qoi.read_fields,
}  # fmt: skip


class Look(NamedTuple):
    """What a look at a file has found.

    Attributes:
        fields: The findings.
        format: The format, as `cnncompress.images.formats.sniff` names it.
        mended: A repaired copy of the file for Pillow; None if Pillow can read the file as it is.
    """

    fields: Fields
    format: str | None = None
    mended: bytes | None = None


def look_into(stream: IO[bytes], frame: int | None) -> Look:
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


def _look_into(stream: IO[bytes], frame: int | None) -> Look:
    data = FileBytes(stream)
    kind = sniff(data.at(0, SNIFFED_BYTES))
    look = Look(Fields(), kind)
    if kind == "png":
        found = png.read_fields(data)
        look = Look(found.fields, kind, found.mended)
    elif kind == "tiff":
        look = Look(tiff.read_fields(data, frame or 0), kind)
    elif kind in _READERS:
        look = Look(_READERS[kind](data), kind)
    stream.seek(0)
    return look
