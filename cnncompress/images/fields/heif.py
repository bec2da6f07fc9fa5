"""Fields of AVIF files, and of HEIC which are refused by name: items, colours, further pictures.

ISO/IEC 23008-12 (HEIF), ISO/IEC 14496-12, the AVIF specification 1.1, ISO 21496-1 (gain maps).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cnncompress.images.fields.boxes import Box, boxes
from cnncompress.images.fields.colours import ColourTag, from_code_points
from cnncompress.images.fields.file_bytes import FileBytes
from cnncompress.images.fields.findings import Fields, named_once

_TOP_LEVEL = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip"})
_VIDEO = frozenset({b"mpvd"})
_PICTURES = frozenset({b"av01", b"hvc1", b"grid", b"iovl", b"iden", b"jpeg", b"avc1"})
_GAIN_MAP = "the gain map (HDR) is not kept"
_ALPHA = b"alpha"
_GAIN_MAP_WORDS = (b"gainmap", b"gain_map", b"hdrgainmap")
_DEPTH_WORDS = (b"depth", b":disparity")
_MAX_ENTRIES = 10_000


@dataclass
class _Items:
    """The items of a ``meta`` box and how they belong together.

    Attributes:
        primary: The item that is shown.
        kinds: Type of each item.
        parts: By item, those that it is made of: the cells of a grid, the base picture and the gain map.
        thumbnails: By item, its thumbnails.
        auxiliaries: By item, its auxiliary pictures.
        properties: The properties of all items.
        associations: By item, numbers of its properties, counted from 1.
        auxiliary_types: By auxiliary picture, what it is, in lower case.
    """

    primary: int | None = None
    kinds: dict[int, bytes] = field(default_factory=dict)
    parts: dict[int, list[int]] = field(default_factory=dict)
    thumbnails: dict[int, list[int]] = field(default_factory=dict)
    auxiliaries: dict[int, list[int]] = field(default_factory=dict)
    properties: list[Box] = field(default_factory=list)
    associations: dict[int, tuple[int, ...]] = field(default_factory=dict)
    auxiliary_types: dict[int, bytes] = field(default_factory=dict)

    def properties_of(self, number: int) -> Iterator[Box]:
        """Yields the properties of an item."""
        for index in self.associations.get(number, ()):
            if 1 <= index <= len(self.properties):
                yield self.properties[index - 1]

    def is_alpha(self, number: int) -> bool:
        """Whether an item is an alpha plane."""
        what = self.auxiliary_types.get(number, b"")
        return _ALPHA in what or b"auxid:1\0" in what

    def reach(self, number: int, reached: set[int]) -> None:
        """Adds an item, its parts, its thumbnails and its alpha plane, and theirs in turn."""
        pending = [number]
        while pending:
            number = pending.pop()
            if number not in reached:
                reached.add(number)
                pending += self.parts.get(number, ())
                pending += self.thumbnails.get(number, ())
                pending += filter(self.is_alpha, self.auxiliaries.get(number, ()))


def read_fields(data: FileBytes) -> Fields:
    """Reads the fields of an AVIF file."""
    extras: list[str] = []
    pictures: list[str] = []
    kind: str | None = None
    tag: ColourTag | None = None
    end = 0
    for box in boxes(data, 0, data.size):
        end = box.end
        if box.name == b"meta":
            items = _items(data, box)
            tag = _colour_tag(data, items)
            kind = "HEIC" if b"hvc1" in items.kinds.values() else None
            pictures += _further_pictures(items)
            extras += _other_items(items)
        elif box.name in _VIDEO:
            extras.append("the video behind the picture is not kept")
        elif box.name in (b"free", b"skip"):
            if data.at(box.start, min(box.length, 1 << 20)).strip(b"\0"):
                extras.append("bytes in unused boxes are not kept")
        elif box.name not in _TOP_LEVEL:
            extras.append(f"private boxes ({box.shown_name}) are not kept")
    if end < data.size and not data.is_padding(end):
        extras.append(f"{data.size - end} bytes behind the picture are not kept")
    return Fields(kind=kind, pictures=named_once(pictures), extras=named_once(extras), colour_tag=tag, known=bool(end))


def _items(data: FileBytes, meta: Box) -> _Items:
    items = _Items()
    for box in boxes(data, meta.start + 4, meta.end):
        if box.name == b"pitm":
            items.primary = data.number(box.start + 4, 4 if data.at(box.start, 1) != b"\0" else 2)
        elif box.name == b"iinf":
            skip = 4 + (2 if data.at(box.start, 1) == b"\0" else 4)
            for entry in boxes(data, box.start + skip, box.end):
                _item(data, entry, items)
        elif box.name == b"iref":
            wide = data.at(box.start, 1) != b"\0"
            for entry in boxes(data, box.start + 4, box.end):
                _reference(data, entry, wide, items)
        elif box.name == b"iprp":
            _properties(data, box, items)
    for number in items.associations:
        for box in items.properties_of(number):
            if box.name == b"auxC":
                items.auxiliary_types[number] = data.at(box.start + 4, min(box.length, 128)).lower()
                break
    return items


def _item(data: FileBytes, entry: Box, items: _Items) -> None:
    version = data.number(entry.start, 1)
    if entry.name != b"infe" or version not in (2, 3):
        return
    wide = 4 if version == 3 else 2
    number = data.number(entry.start + 4, wide)
    if number is not None and len(items.kinds) < _MAX_ENTRIES:
        items.kinds[number] = data.at(entry.start + 4 + wide + 2, 4)


def _reference(data: FileBytes, entry: Box, wide: bool, items: _Items) -> None:
    size = 4 if wide else 2
    source, count = data.number(entry.start, size), data.number(entry.start + size, 2)
    if source is None or count is None:
        return
    packed = data.at(entry.start + size + 2, min(size * count, entry.end - entry.start))
    targets = struct.unpack(f">{len(packed) // size}{'I' if wide else 'H'}", packed[: len(packed) // size * size])
    if entry.name == b"dimg":
        items.parts.setdefault(source, []).extend(targets)
    elif entry.name in (b"thmb", b"auxl"):
        sources = items.thumbnails if entry.name == b"thmb" else items.auxiliaries
        for target in targets:
            sources.setdefault(target, []).append(source)


def _properties(data: FileBytes, box: Box, items: _Items) -> None:
    for part in boxes(data, box.start, box.end):
        if part.name == b"ipco":
            items.properties = list(boxes(data, part.start, part.end))
        elif part.name == b"ipma":
            _associations(data.at(part.start, min(part.length, 1 << 20)), items)


def _associations(packed: bytes, items: _Items) -> None:
    if len(packed) < 8:
        return
    wide_items, wide_indices = packed[0] > 0, bool(packed[3] & 1)
    (count,) = struct.unpack_from(">I", packed, 4)
    position, size = 8, 4 if wide_items else 2
    for _ in range(min(count, _MAX_ENTRIES)):
        if position + size + 1 > len(packed):
            return
        number = int.from_bytes(packed[position : position + size], "big")
        total, position = packed[position + size], position + size + 1
        step = 2 if wide_indices else 1
        indices = packed[position : position + step * total]
        position += step * total
        mask = 0x7FFF if wide_indices else 0x7F
        items.associations[number] = tuple(
            int.from_bytes(indices[i : i + step], "big") & mask for i in range(0, len(indices) - step + 1, step)
        )


def _colour_tag(data: FileBytes, items: _Items) -> ColourTag | None:
    found: ColourTag | None = None
    for box in items.properties_of(items.primary or 0):
        if box.name != b"colr":
            continue
        kind = data.at(box.start, 4)
        if kind in (b"prof", b"rICC"):
            return None  # Pillow reads it
        packed = data.at(box.start + 4, 7)
        if kind == b"nclx" and len(packed) >= 4:
            primaries, transfer = struct.unpack_from(">HH", packed)
            found = from_code_points("nclx", primaries, transfer)
    return found


def _further_pictures(items: _Items) -> list[str]:
    """Describes the pictures besides the primary one; the parts of an auxiliary picture go by its name."""
    told: set[int] = set()
    if items.primary is not None:
        items.reach(items.primary, told)
    found = []
    for number, kind in items.kinds.items():
        if kind == b"tmap":
            found.append(_GAIN_MAP)
            items.reach(number, told)
    pictures = [number for number, kind in items.kinds.items() if kind in _PICTURES and not items.is_alpha(number)]
    for number in pictures:
        name = _auxiliary_name(items.auxiliary_types.get(number, b""))
        if name is not None and number not in told:
            found.append(name)
            items.reach(number, told)
    return found + ["a second picture is not kept" for number in pictures if number not in told]


def _auxiliary_name(what: bytes) -> str | None:
    """Describes an auxiliary picture by its type; None for other pictures."""
    if any(word in what for word in _GAIN_MAP_WORDS):
        return _GAIN_MAP
    return "the depth map is not kept" if any(word in what for word in _DEPTH_WORDS) or b"auxid:2\0" in what else None


def _other_items(items: _Items) -> list[str]:
    others = sorted({kind for kind in items.kinds.values() if kind not in _PICTURES | {b"tmap", b"Exif", b"mime"}})
    found = [
        f"private items ({kind.decode('latin-1') if kind.isalnum() else kind.hex()}) are not kept" for kind in others
    ]
    if len(items.kinds) == _MAX_ENTRIES:
        found.append(f"items beyond the first {_MAX_ENTRIES} are not kept")
    return found
