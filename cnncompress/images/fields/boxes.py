"""The boxes of ISO base media files: AVIF, HEIF and JPEG 2000. ISO/IEC 14496-12."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from cnncompress.images.fields.file_bytes import FileBytes

_MAX_BOXES = 10_000


class Box(NamedTuple):
    """A box.

    Attributes:
        name: Its type, 4 bytes.
        start: Offset of its contents.
        end: Offset behind them, within the enclosing box.
    """

    name: bytes
    start: int
    end: int

    @property
    def length(self) -> int:
        """Length of the contents in bytes."""
        return self.end - self.start

    @property
    def shown_name(self) -> str:
        """Its type for a message."""
        return self.name.decode("latin-1") if self.name.isalnum() else self.name.hex()


def boxes(data: FileBytes, start: int, end: int) -> Iterator[Box]:
    """Goes through the boxes of a part of a file, up to one that is cut off or senseless."""
    for _ in range(_MAX_BOXES):
        head = data.at(start, 16)
        if start + 8 > end or len(head) < 8:
            return
        size, name = struct.unpack_from(">I4s", head)
        contents = start + 8
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack_from(">Q", head, 8)
            contents = start + 16
        if size == 0:
            size = end - start
        if start + size < contents or start + size > end:
            return
        yield Box(name, contents, start + size)
        start += size
