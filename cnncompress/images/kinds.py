"""What kind of file a file is, from its first bytes and, for TIFF files, from its fields."""

from __future__ import annotations

from typing import IO, NamedTuple

from cnncompress.images.fields.file_bytes import FileBytes
from cnncompress.images.fields.tiff import camera_raw
from cnncompress.images.formats import SNIFFED_BYTES, foreign_format, sniff


class Kind(NamedTuple):
    """Kind of a file.

    Attributes:
        format: Format from `cnncompress.images.formats.sniff`; None for files that are not read.
        foreign: Name of the format of an image that is known and not read; None for all other files.
    """

    format: str | None
    foreign: str | None


def kind_of(stream: IO[bytes]) -> Kind:
    """Detects the kind of a file; its name is not considered.

    Args:
        stream: A seekable file, at its beginning.
    """
    start = stream.read(SNIFFED_BYTES)
    found, foreign = sniff(start), foreign_format(start)
    if found == "tiff":
        foreign = camera_raw(FileBytes(stream))
    return Kind(None if foreign else found, foreign)
