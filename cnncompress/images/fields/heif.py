"""Fields of AVIF files, and of HEIC which are refused by name: items, colours, further pictures.

ISO/IEC 23008-12 (HEIF), ISO/IEC 14496-12, the AVIF specification 1.1, ISO 21496-1 (gain maps).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from cnncompress.images.fields.boxes import Box, boxes
from cnncompress.images.fields.colours import ColourTag, from_code_points
from cnncompress.images.fields.file_bytes import FileBytes
from cnncompress.images.fields.findings import Fields, named_once

_TOP_LEVEL = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip"})
_VIDEO = frozenset({b"mpvd"})
_ALPHA = b"alpha"
_GAIN_MAP_WORDS = (b"gainmap", b"gain_map", b"hdrgainmap")
_DEPTH_WORDS = (b"depth", b":disparity")
_MAX_ENTRIES = 10_000


@dataclass
class _Items:
    """The items of a ``meta`` box and how they belong together."""

    primary: int | None = None
    kinds: dict[int, bytes] = field(default_factory=dict)
    references: list[tuple[bytes, int, tuple[int, ...]]] = field(default_factory=list)
    sources: dict[tuple[bytes, int], set[int]] = field(default_factory=dict)
    """Items that refer to an item, by the kind of reference and that item."""
    properties: list[Box] = field(default_factory=list)
    associations: dict[int, tuple[int, ...]] = field(default_factory=dict)


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
            pictures += _further_pictures(data, items)
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
    pictures = [text for text in pictures if text]
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
    if len(items.references) < _MAX_ENTRIES:
        items.references.append((entry.name, source, targets))
        for target in targets:
            items.sources.setdefault((entry.name, target), set()).add(source)


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
    indices = items.associations.get(items.primary or 0, ())
    found: ColourTag | None = None
    for index in indices:
        if not 1 <= index <= len(items.properties):
            continue
        box = items.properties[index - 1]
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


def _further_pictures(data: FileBytes, items: _Items) -> list[str]:
    needed = _needed(data, items)
    found = []
    for number, kind in items.kinds.items():
        if kind == b"tmap":
            found.append("the gain map (HDR) is not kept")
        elif kind in (b"av01", b"hvc1", b"grid", b"iovl", b"iden", b"jpeg", b"avc1") and number not in needed:
            found.append(_picture_name(data, items, number))
    return found


def _needed(data: FileBytes, items: _Items) -> set[int]:
    """Items that the primary picture consists of, its alpha plane, what that consists of, and its thumbnails."""
    parts: dict[int, list[int]] = {}
    for kind, source, targets in items.references:
        if kind == b"dimg":
            parts.setdefault(source, []).extend(targets)
    needed: set[int] = set()
    pending = [] if items.primary is None else [items.primary]
    while pending:
        number = pending.pop()
        if number in needed:
            continue
        needed.add(number)
        pending += parts.get(number, ())
        pending += items.sources.get((b"thmb", number), ())
        auxiliary = items.sources.get((b"auxl", number), ())
        pending += (source for source in auxiliary if _is_alpha(_auxiliary_type(data, items, source)))
    return needed


def _auxiliary_type(data: FileBytes, items: _Items, number: int) -> bytes:
    """The name that an item has as an auxiliary picture, in lower case; empty if it is none."""
    text = b""
    for index in items.associations.get(number, ()):
        if 1 <= index <= len(items.properties) and items.properties[index - 1].name == b"auxC":
            box = items.properties[index - 1]
            text = data.at(box.start + 4, min(box.length, 128)).lower()
    return text


def _is_alpha(auxiliary_type: bytes) -> bool:
    return _ALPHA in auxiliary_type or b"auxid:1\0" in auxiliary_type


def _picture_name(data: FileBytes, items: _Items, number: int) -> str:
    text = _auxiliary_type(data, items, number)
    if _is_alpha(text):
        return ""
    if any(word in text for word in _GAIN_MAP_WORDS):
        return "the gain map (HDR) is not kept"
    if any(word in text for word in _DEPTH_WORDS) or b"auxid:2\0" in text:
        return "the depth map is not kept"
    users = items.sources.get((b"dimg", number), ())
    gain_map = any(items.kinds.get(source) == b"tmap" for source in users)
    return "the gain map (HDR) is not kept" if gain_map else "a second picture is not kept"


def _other_items(items: _Items) -> list[str]:
    known = {b"av01", b"hvc1", b"grid", b"iovl", b"iden", b"jpeg", b"avc1", b"tmap", b"Exif", b"mime"}
    others = sorted({kind for kind in items.kinds.values() if kind not in known})
    return [
        f"private items ({kind.decode('latin-1') if kind.isalnum() else kind.hex()}) are not kept" for kind in others
    ]
