"""Fields of a .cnc file, read one after the other.

Lengths and counts are stored in as few bytes as possible (LEB128, as in Protocol Buffers and WebAssembly): seven bits
per byte, the least significant first, with the eighth bit set in all bytes but the last.
"""

from __future__ import annotations

from cnncompress.errors import Corrupt, Truncated

MAX_NUMBER = 0xFFFF_FFFF
_MAX_NUMBER_BYTES = 5


class FieldReader:
    """Reads fields from the beginning of a file.

    Attributes:
        section: Part of the file that the fields belong to, for messages; may be changed.
        position: Offset of the next field in bytes.
    """

    def __init__(self, view: memoryview, section: str) -> None:
        """Starts at the first byte.

        Args:
            view: The file or its beginning.
            section: Part of the file that the fields belong to.
        """
        self.section = section
        self.position = 0
        self._view = view

    def take(self, length: int) -> bytes:
        """Returns the next bytes.

        Args:
            length: Number of bytes.

        Raises:
            Truncated: The file ends before.
        """
        end = self.position + length
        if end > len(self._view):
            raise Truncated(f"the file ends in its {self.section}, after {len(self._view)} bytes")
        taken = bytes(self._view[self.position : end])
        self.position = end
        return taken

    def unsigned(self, length: int) -> int:
        """Returns the next unsigned little-endian integer.

        Args:
            length: Number of bytes.

        Raises:
            Truncated: The file ends before.
        """
        return int.from_bytes(self.take(length), "little")

    def number(self) -> int:
        """Returns the next integer of variable length, ``0 .. 2^32 - 1``.

        Raises:
            Truncated: The file ends before.
            Corrupt: The number is larger, or takes more bytes than necessary.
        """
        value = 0
        for index in range(_MAX_NUMBER_BYTES):
            byte = self.unsigned(1)
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                if value > MAX_NUMBER or (index and not byte):
                    break
                return value
        raise Corrupt(f"a number in the {self.section} is too long")


def pack_number(value: int) -> bytes:
    """Returns the bytes of an integer ``0 .. 2^32 - 1`` of variable length, as `FieldReader.number` reads it."""
    packed = bytearray()
    while value >= 0x80:
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*packed, value])
