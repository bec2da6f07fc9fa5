"""Edits EXIF in place: everything else keeps its position, so that all offsets stay valid.

EXIF is a TIFF file without pixels. Makers' notes contain offsets in formats that only the makers know; rewriting the
directories would break them. Here a directory entry is changed or removed, and the data that it pointed to is
overwritten with zeros, which compress to almost nothing.

Exif 2.32, CIPA DC-008-2019; TIFF Revision 6.0.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

ORIENTATION = 0x0112
GPS = 0x8825
_EXIF = 0x8769
_STRIP_OFFSETS, _STRIP_LENGTHS = 0x0111, 0x0117
_JPEG_OFFSET, _JPEG_LENGTH = 0x0201, 0x0202

_PREFIX = re.compile(rb"(?:Exif\0\0){1,2}")
_HEADERS = {b"II*\0": "<", b"MM\0*": ">"}
_HEADER_BYTES = 8
_SHORT, _LONG = 3, 4
_ENTRY_BYTES = 12
_VALUE_BYTES = 4
# Indexed by the number of the type: BYTE, ASCII, SHORT, LONG, RATIONAL, the signed ones, FLOAT, DOUBLE, IFD.
_TYPE_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)
_MAX_ENTRIES = 1000


class _Entry(NamedTuple):
    position: int
    tag: int
    kind: int
    values: int

    @property
    def value_position(self) -> int:
        return self.position + _ENTRY_BYTES - _VALUE_BYTES


class Exif:
    """Editable EXIF data."""

    def __init__(self, data: bytes) -> None:
        """Reads the directories.

        Args:
            data: EXIF from its TIFF header on. The prefix ``Exif\\0\\0`` of some formats is dropped.

        Raises:
            ValueError: The data is not EXIF, or is damaged.
        """
        prefix = _PREFIX.match(data)
        self._data = bytearray(data[prefix.end() :] if prefix else data)
        order = _HEADERS.get(bytes(self._data[:4]))
        if order is None:
            raise ValueError("no TIFF header")
        self._order = order
        self._main = self._number(4, _LONG)
        self._entries(self._main)

    def to_bytes(self) -> bytes:
        """Returns the data, starting with the TIFF header."""
        return bytes(self._data)

    def set_upright(self) -> None:
        """Sets the orientation, if present, to 1: the first row is the top, the first column the left."""
        for entry in self._entries(self._main):
            if entry.tag == ORIENTATION:
                head = struct.pack(f"{self._order}HHIHH", ORIENTATION, _SHORT, 1, 1, 0)
                self._data[entry.position : entry.position + _ENTRY_BYTES] = head

    def remove_position(self) -> bool:
        """Removes the GPS directory.

        Returns:
            Whether one was found.

        Raises:
            ValueError: The data is damaged.
        """
        found = False
        others = [tag for tag in self._tags() if tag != GPS]
        for directory in self._directories():
            while gps := self._find(directory, GPS):
                position = self._number(gps.value_position, _LONG)
                self._remove(directory, gps)
                self._erase_directory(position)
                found = True
        self._check_tags(others)
        return found

    def remove_thumbnail(self) -> None:
        """Removes the thumbnail, if present, and its directory.

        Raises:
            ValueError: The data is damaged.
        """
        link, directory = self._link(self._main)
        if directory == 0:
            return
        tags = self._tags()
        self._data[link : link + _VALUE_BYTES] = bytes(_VALUE_BYTES)
        regions = []
        for start_tag, length_tag in ((_JPEG_OFFSET, _JPEG_LENGTH), (_STRIP_OFFSETS, _STRIP_LENGTHS)):
            start, length = self._find(directory, start_tag), self._find(directory, length_tag)
            if start and length and start.values == length.values == 1:
                begin = self._value(start)
                regions.append((begin, begin + self._value(length)))
        self._erase_directory(directory)
        for begin, end in regions:
            self._erase(begin, end)
            if end >= len(self._data) > begin:  # nothing follows it
                del self._data[begin:]
        self._check_tags(tags)

    def _tags(self) -> list[int]:
        # Of the main directory and that of EXIF, which are kept.
        return [entry.tag for directory in self._kept_directories() for entry in self._entries(directory)]

    def _check_tags(self, expected: list[int]) -> None:
        if self._tags() != expected:
            raise ValueError("its parts overlap")

    def _kept_directories(self) -> list[int]:
        exif = self._find(self._main, _EXIF)
        return [self._main] + ([self._number(exif.value_position, _LONG)] if exif else [])

    def _directories(self) -> list[int]:
        _, thumbnail = self._link(self._main)
        return self._kept_directories() + ([thumbnail] if thumbnail else [])

    def _entries(self, directory: int) -> list[_Entry]:
        count = self._number(directory, _SHORT)
        if count > _MAX_ENTRIES or directory + 2 + count * _ENTRY_BYTES > len(self._data):
            raise ValueError("a directory is too long")
        found = []
        for position in range(directory + 2, directory + 2 + count * _ENTRY_BYTES, _ENTRY_BYTES):
            tag, kind, values = struct.unpack_from(f"{self._order}HHI", self._data, position)
            found.append(_Entry(position, tag, kind, values))
        return found

    def _find(self, directory: int, tag: int) -> _Entry | None:
        return next((entry for entry in self._entries(directory) if entry.tag == tag), None)

    def _link(self, directory: int) -> tuple[int, int]:
        # Position of the link to the next directory, and the link's value: 0 if it is absent or cut off.
        position = directory + 2 + len(self._entries(directory)) * _ENTRY_BYTES
        return position, self._number(position, _LONG) if position + _VALUE_BYTES <= len(self._data) else 0

    def _number(self, position: int, kind: int) -> int:
        try:
            (value,) = struct.unpack_from(self._order + ("H" if kind == _SHORT else "I"), self._data, position)
        except struct.error:
            raise ValueError("an offset points outside the data") from None
        return int(value)

    def _value(self, entry: _Entry) -> int:
        return self._number(entry.value_position, entry.kind)

    def _remove(self, directory: int, entry: _Entry) -> None:
        # The entries after it move up, and so does the link to the next directory, which follows the last entry.
        end = min(self._link(directory)[0] + _VALUE_BYTES, len(self._data))
        count = len(self._entries(directory)) - 1
        rest = self._data[entry.position + _ENTRY_BYTES : end]
        self._data[entry.position : end] = rest + bytes(_ENTRY_BYTES)
        struct.pack_into(f"{self._order}H", self._data, directory, count)

    def _erase_directory(self, directory: int) -> None:
        entries = self._entries(directory)
        for entry in entries:
            size = entry.values * (_TYPE_BYTES[entry.kind] if entry.kind < len(_TYPE_BYTES) else 0)
            if size > _VALUE_BYTES:
                begin = self._number(entry.value_position, _LONG)
                self._erase(begin, begin + size)
        self._erase(directory, directory + 2 + len(entries) * _ENTRY_BYTES + _VALUE_BYTES)

    def _erase(self, begin: int, end: int) -> None:
        end = min(end, len(self._data))
        if begin >= end:
            return
        if begin < _HEADER_BYTES:
            raise ValueError("its parts overlap")
        self._data[begin:end] = bytes(end - begin)
