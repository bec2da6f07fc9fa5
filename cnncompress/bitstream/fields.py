"""Fields of a .cnc file: read from its beginning one after the other.

Lengths and counts are stored in as few bytes as they need (LEB128, as in Protocol Buffers and WebAssembly): seven bits
each, the least significant first, with the eighth bit set in all but the last.
"""

from __future__ import annotations

from cnncompress.errors import Corrupt, Truncated

MAX_NUMBER = 0xFFFF_FFFF
_MAX_NUMBER_BYTES = 5


class FieldReader:
    """Takes fields off the beginning of a file."""

    def __init__(self, view: memoryview, section: str) -> None:
        """Starts at the first byte.

        Args:
            view: the file or its beginning.
            section: the part of the file that the fields belong to, for messages; may be changed on the way.
        """
        self.section = section
        self.position = 0
        self._view = view

    def take(self, length: int) -> bytes:
        """Returns the next bytes.

        Raises:
            Truncated: there are fewer.
        """
        end = self.position + length
        if end > len(self._view):
            raise Truncated(f"the file ends in its {self.section}, after {len(self._view)} bytes")
        taken = bytes(self._view[self.position : end])
        self.position = end
        return taken

    def unsigned(self, length: int) -> int:
        """Returns the next little-endian integer of so many bytes.

        Raises:
            Truncated: the file ends before.
        """
        return int.from_bytes(self.take(length), "little")

    def number(self) -> int:
        """Returns the next number of variable length, 0 .. 2^32 - 1.

        Raises:
            Truncated: the file ends before.
            Corrupt: it is larger, or takes more bytes than it needs.
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
    """Returns the bytes of a number, 0 .. 2^32 - 1, as `FieldReader.number` reads it."""
    packed = bytearray()
    while value >= 0x80:
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*packed, value])
