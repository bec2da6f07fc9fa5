"""The directories of a TIFF file, with the values of their tags as far as they are numbers or text.

TIFF Revision 6.0, section 2; BigTIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Literal, NamedTuple

from cnncompress.images.fields.file_bytes import FileBytes

_MAX_DIRECTORIES = 10_000
_MAX_SUB_DIRECTORIES = 64
_MAX_ENTRIES = 4096
_MAX_ENTRIES_IN_ALL = 300_000
_MAX_VALUES = 64
_MAX_STRIPS = 1 << 20
_OFFSETS, _LENGTHS = (273, 324, 513), (279, 325, 514)
_POINTERS = (34665, 34853, 40965)
_TYPE_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)
_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}


class _Layout(NamedTuple):
    """Byte order, and sizes that differ between TIFF and BigTIFF."""

    order: Literal["<", ">"]
    entries: str
    offset: str
    entry_bytes: int

    @property
    def byte_order(self) -> Literal["little", "big"]:
        return "little" if self.order == "<" else "big"

    @property
    def first(self) -> tuple[int, int]:
        """Place and length of the offset of the first directory."""
        return (4, 4) if self.entry_bytes == 12 else (8, 8)

    @property
    def offset_bytes(self) -> int:
        return struct.calcsize(self.offset)


class Directory(NamedTuple):
    """A directory.

    Attributes:
        tags: Values by tag; of long lists only the first.
        following: Offset of the next directory; 0 if there is none.
        end: Where the last part of it ends that is not pixels.
    """

    tags: dict[int, tuple[float, ...] | bytes]
    following: int
    end: int

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Returns the values of a tag; none if it is missing or is text."""
        value = self.tags.get(tag, ())
        return () if isinstance(value, bytes) else value

    def number(self, tag: int, default: int) -> int:
        """Returns the first value of a tag."""
        values = self.numbers(tag)
        return int(values[0]) if values else default


class TiffDirectories:
    """Reads the directories of a file, and no more entries of them than a sound file has."""

    def __init__(self, data: FileBytes) -> None:
        """Reads the header."""
        self._data = data
        self._layout = _layout(data.at(0, 16))
        self._entries_left = _MAX_ENTRIES_IN_ALL
        self._strips_left = _MAX_STRIPS
        self._is_complete = True

    def chain(self) -> list[Directory]:
        """Returns the directories of the pages."""
        if self._layout is None:
            return []
        start = self._data.number(*self._layout.first, self._layout.byte_order) or 0
        found: list[Directory] = []
        seen: set[int] = set()
        while start and start not in seen:
            seen.add(start)
            directory = self._directory(start)
            if directory is None or len(found) == _MAX_DIRECTORIES:
                self._is_complete = False
                break
            found.append(directory)
            start = directory.following
        return found

    def at(self, offsets: Iterable[float]) -> list[Directory]:
        """Returns the directories at some offsets."""
        read = (self._directory(int(offset)) for offset in (*offsets,)[:_MAX_SUB_DIRECTORIES])
        return [directory for directory in read if directory is not None]

    def end(self, directories: Iterable[Directory]) -> int | None:
        """Returns the end of the last part of the file that directories, or those in them, name; None if unknown."""
        end = 8
        for directory in directories:
            end = max(end, directory.end)
            for offsets, lengths in zip(_OFFSETS, _LENGTHS, strict=True):
                parts = zip(directory.numbers(offsets), directory.numbers(lengths), strict=False)
                end = max(end, *(int(offset + length) for offset, length in parts), 0)
            inside = self.at(directory.number(tag, 0) for tag in _POINTERS if tag in directory.tags)
            end = max(end, *(other.end for other in inside), 0)
        return end if self._is_complete else None

    def _directory(self, start: int) -> Directory | None:
        data, layout = self._data, self._layout
        if layout is None:
            return None
        count_bytes = struct.calcsize(layout.entries)
        count = data.number(start, count_bytes, layout.byte_order)
        if count is None or count > min(_MAX_ENTRIES, self._entries_left):
            return None
        self._entries_left -= count
        size = count * layout.entry_bytes
        packed = data.at(start + count_bytes, size + layout.offset_bytes)
        tags: dict[int, tuple[float, ...] | bytes] = {}
        end = start + count_bytes + size + layout.offset_bytes
        for position in range(0, min(size, len(packed) - layout.entry_bytes + 1), layout.entry_bytes):
            tag, kind, values = struct.unpack_from(layout.order + "HH" + layout.offset, packed, position)
            place = position + 4 + layout.offset_bytes
            field = packed[place : place + layout.offset_bytes]
            if tag not in tags:
                most = max(self._strips_left, 1) if tag in (*_OFFSETS, *_LENGTHS) else _MAX_VALUES
                tags[tag] = _values(data, layout, kind, values, field, most)
                if tag in (*_OFFSETS, *_LENGTHS):
                    self._is_complete &= values <= most
                    self._strips_left -= min(values, most)
            length = values * (_TYPE_BYTES[kind] if kind < len(_TYPE_BYTES) else 0)
            if length > len(field):
                end = max(end, int.from_bytes(field, layout.byte_order) + length)
        following = packed[size : size + layout.offset_bytes]
        complete = len(following) == layout.offset_bytes
        return Directory(tags, int.from_bytes(following, layout.byte_order) if complete else 0, end)


def _layout(head: bytes) -> _Layout | None:
    orders: dict[bytes, Literal["<", ">"]] = {b"II": "<", b"MM": ">"}
    order = orders.get(head[:2])
    if order is None:
        return None
    magic = int.from_bytes(head[2:4], "little" if order == "<" else "big")
    if magic == 42:
        return _Layout(order, "H", "I", 12)
    return _Layout(order, "Q", "Q", 20) if magic == 43 else None


def _values(
    data: FileBytes, layout: _Layout, kind: int, count: int, field: bytes, most: int
) -> tuple[float, ...] | bytes:
    size = _TYPE_BYTES[kind] if kind < len(_TYPE_BYTES) else 0
    count = min(count, most)
    packed = field[: size * count]
    if size * count > len(field):
        packed = data.at(int.from_bytes(field, layout.byte_order), size * count)
    if kind in (2, 7) or not size:
        return packed
    count = len(packed) // size
    if kind in (5, 10):
        pairs = struct.unpack_from(f"{layout.order}{2 * count}{'I' if kind == 5 else 'i'}", packed)
        return tuple(top / bottom if bottom else 0.0 for top, bottom in zip(pairs[::2], pairs[1::2], strict=True))
    if kind not in _FORMATS:
        return ()
    return struct.unpack_from(f"{layout.order}{count}{_FORMATS[kind]}", packed)
