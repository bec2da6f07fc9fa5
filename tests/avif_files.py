"""AVIF files with items besides the picture, whose data are left out: what the boxes say of them counts."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from PIL import Image

from cnncompress.images.fields.boxes import Box, boxes
from cnncompress.images.fields.file_bytes import FileBytes

PRIMARY = 1
"""Number of the picture's item in files of libavif."""


class Item(NamedTuple):
    """An item: its number, its type, and what its auxC property says."""

    number: int
    kind: bytes = b"av01"
    auxiliary: bytes = b""


class Reference(NamedTuple):
    """A reference from one item to others."""

    kind: bytes
    source: int
    targets: tuple[int, ...]


def box(name: bytes, payload: bytes) -> bytes:
    """A box of an ISO media file."""
    return struct.pack(">I4s", 8 + len(payload), name) + payload


def wide_box(name: bytes, payload: bytes) -> bytes:
    """A box whose length has 64 bits."""
    return struct.pack(">I4sQ", 1, name, 16 + len(payload)) + payload


def with_items(picture: Image.Image, items: Sequence[Item], references: Sequence[Reference] = ()) -> bytes:
    """Returns an AVIF file of a picture with more items, which have no data: decoders pass over them."""
    stream = io.BytesIO()
    picture.save(stream, "AVIF", quality=90)
    whole = stream.getvalue()
    data = FileBytes(stream)
    (meta,) = (each for each in boxes(data, 0, data.size) if each.name == b"meta")
    parts = {each.name: data.at(each.start, each.length) for each in boxes(data, meta.start + 4, meta.end)}
    parts[b"iinf"] = _with_entries(parts[b"iinf"], items)
    parts[b"iref"] = parts.get(b"iref", bytes(4)) + b"".join(map(_reference, references))
    parts[b"iprp"] = _with_properties(data, next(_named(data, meta, b"iprp")), items)
    longer = _meta(parts)
    parts[b"iloc"] = _moved(parts[b"iloc"], len(longer) - (meta.end - meta.start) - 8)
    return whole[: meta.start - 8] + _meta(parts) + whole[meta.end :]


def items_alone(items: Sequence[Item], references: Sequence[Reference] = ()) -> bytes:
    """Returns the boxes of items without any data, which no decoder can read."""
    properties, associations = _auxiliary(items, 0)
    head = box(b"ftyp", b"avif" + bytes(4) + b"avifmif1")
    parts = {
        b"pitm": struct.pack(">IH", 0, PRIMARY),
        b"iinf": _with_entries(bytes(6), items),
        b"iref": bytes(4) + b"".join(map(_reference, references)),
        b"iprp": box(b"ipco", properties)
        + box(b"ipma", struct.pack(">II", 0, sum(bool(item.auxiliary) for item in items)) + associations),
    }
    return head + _meta(parts)


def _named(data: FileBytes, outer: Box, name: bytes) -> Iterator[Box]:
    return (each for each in boxes(data, outer.start + 4 * (outer.name == b"meta"), outer.end) if each.name == name)


def _meta(parts: dict[bytes, bytes]) -> bytes:
    return box(b"meta", bytes(4) + b"".join(box(*part) for part in parts.items()))


def _with_entries(packed: bytes, items: Sequence[Item]) -> bytes:
    version, count = struct.unpack_from(">IH", packed)
    assert version == 0
    entries = (box(b"infe", struct.pack(">BxxxHH4sx", 2, item.number, 0, item.kind)) for item in items)
    return struct.pack(">IH", 0, count + len(items)) + packed[6:] + b"".join(entries)


def _reference(reference: Reference) -> bytes:
    numbers = (reference.source, len(reference.targets), *reference.targets)
    return box(reference.kind, struct.pack(f">{len(numbers)}H", *numbers))


def _with_properties(data: FileBytes, outer: Box, items: Sequence[Item]) -> bytes:
    """Adds auxC properties and their associations to those of a file."""
    (held,), (associated,) = (list(_named(data, outer, name)) for name in (b"ipco", b"ipma"))
    properties, associations = _auxiliary(items, len(list(boxes(data, held.start, held.end))))
    version, total = struct.unpack(">II", data.at(associated.start, 8))
    assert version == 0
    old = data.at(associated.start + 8, associated.length - 8)
    counted = struct.pack(">II", 0, total + sum(bool(item.auxiliary) for item in items))
    return box(b"ipco", data.at(held.start, held.length) + properties) + box(b"ipma", counted + old + associations)


def _auxiliary(items: Sequence[Item], count: int) -> tuple[bytes, bytes]:
    """Returns auxC properties and their associations, behind so many other properties."""
    properties = associations = b""
    for item in (item for item in items if item.auxiliary):
        count += 1
        properties += box(b"auxC", bytes(4) + item.auxiliary + b"\0")
        associations += struct.pack(">HBB", item.number, 1, count)
    return properties, associations


def _moved(packed: bytes, by: int) -> bytes:
    """Moves the offsets of an iloc box of version 0, with offsets and lengths of 32 bits and no base."""
    assert packed[:6] == b"\0\0\0\0\x44\0"
    changed = bytearray(packed)
    (count,) = struct.unpack_from(">H", packed, 6)
    position = 8
    for _ in range(count):
        (extents,) = struct.unpack_from(">H", packed, position + 4)
        position += 6
        for _ in range(extents):
            (offset,) = struct.unpack_from(">I", packed, position)
            struct.pack_into(">I", changed, position, offset + by)
            position += 8
    return bytes(changed)
