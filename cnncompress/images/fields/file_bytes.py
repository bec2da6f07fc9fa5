"""Random access to the bytes of a file: never beyond its end, and never more than is asked for."""

from __future__ import annotations

from typing import IO, Literal

_ZEROS_OR_ONES = b"\0\xff"
_BLOCK_BYTES = 1 << 20


class FileBytes:
    """The bytes of a seekable stream.

    Attributes:
        size: Length in bytes.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        """Finds the length; the position of the stream is changed by every method.

        Raises:
            OSError: The stream cannot be read, here and in every method.
        """
        self._stream = stream
        self.size = stream.seek(0, 2)

    def at(self, offset: int, length: int) -> bytes:
        """Returns ``length`` bytes from an offset on, fewer at the end of the file, none outside of it."""
        if not 0 <= offset < self.size or length <= 0:
            return b""
        self._stream.seek(offset)
        return self._stream.read(min(length, self.size - offset))

    def number(self, offset: int, length: int, order: Literal["little", "big"] = "big") -> int | None:
        """Returns an unsigned integer of ``length`` bytes; None if the file ends before."""
        data = self.at(offset, length)
        if len(data) < length:
            return None
        return int.from_bytes(data, order)

    def is_padding(self, start: int) -> bool:
        """Checks whether all bytes from an offset on are 0 or 255, as cameras fill up files."""
        for offset in range(start, self.size, _BLOCK_BYTES):
            if self.at(offset, _BLOCK_BYTES).strip(_ZEROS_OR_ONES):
                return False
        return True

    def whole(self) -> bytes:
        """Returns all bytes."""
        return self.at(0, self.size)


def behind_the_end(data: FileBytes, end: int, margin: int = 1) -> tuple[str, ...]:
    """Describes what follows the end of a picture.

    Args:
        data: The file.
        end: Where the picture ends.
        margin: Number of bytes there that nobody misses, such as a padding byte or a line feed.

    Returns:
        One line; none if nothing follows but padding.
    """
    if data.size - end <= margin or data.is_padding(end):
        return ()
    start = data.at(end, 32)
    if b"ftyp" in start:
        return ("the video behind the picture is not kept",)
    return (f"{data.size - end} bytes behind the picture are not kept",)
