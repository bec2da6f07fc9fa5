"""Fields of TIFF files: sub-pictures, planes, formats of samples, further bands, tags that are not carried.

TIFF Revision 6.0, TIFF Technical Note 1 (SubIFDs), BigTIFF, Adobe DNG. Camera raw files are TIFF inside: their first
directory is a thumbnail.
"""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple

from cnncompress.images.fields.colours import ColourTag, from_chromaticities
from cnncompress.images.fields.file_bytes import FileBytes
from cnncompress.images.fields.findings import Fields

_SUBFILE_TYPE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _MAKE = 254, 256, 257, 258, 259, 262, 271
_SAMPLES, _PLANAR, _SUB_DIRECTORIES, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 277, 284, 330, 338, 339
_TRANSFER, _WHITE, _PRIMARIES, _ICC, _DNG_VERSION = 301, 318, 319, 34675, 50706
_REDUCED = 1
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _CIELAB = 0, 1, 2, 3, 5, 6, 8
_CFA, _LINEAR_RAW = 32803, 34892
_UNCOMPRESSED, _SEPARATE = 1, 2
_SIGNED, _FLOAT, _COMPLEX = 2, 3, (5, 6)
_ASSOCIATED, _UNASSOCIATED = 1, 2

_RAW = "camera raw"
_MAX_DIRECTORIES = 64
_MAX_ENTRIES = 4096
_MAX_VALUES = 64
_TYPE_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)
_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}

# Tags that say how pixels are stored, and those that metadata.py carries.
_STRUCTURE = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 284, 288, 289, 290, 291,
     292, 293, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 326, 327, 328, 330, 332, 334, 336, 338, 339, 340,
     341, 342, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 32995, 32996, 32997, 32998}
)  # fmt: skip
_CARRIED = frozenset({270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 700, 18246, 18249, 33432, 34665, 34675, 34853})
_NAMED = (
    (frozenset({33723, 34377}), "captions (IPTC, Photoshop) are not kept"),
    (frozenset({37724}), "Photoshop's layers are not kept"),
    (frozenset({33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113}), "geo-references (GeoTIFF) are not kept"),
)
_RAW_BY_MAKER = {
    "CANON": "CR2", "NIKON": "NEF", "SONY": "ARW", "PENTAX": "PEF", "RICOH": "PEF", "OLYMPUS": "ORF",
    "SAMSUNG": "SRW", "HASSELBLAD": "3FR", "PHASE": "IIQ", "LEAF": "MOS", "EPSON": "ERF", "KODAK": "DCR",
    "MAMIYA": "MEF",
}  # fmt: skip


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
    def offset_bytes(self) -> int:
        return struct.calcsize(self.offset)


class _Directory(NamedTuple):
    """The tags of a directory with their values, as far as they are numbers or text."""

    tags: dict[int, tuple[float, ...] | bytes]
    following: int

    def numbers(self, tag: int) -> tuple[float, ...]:
        value = self.tags.get(tag, ())
        return () if isinstance(value, bytes) else value

    def number(self, tag: int, default: int) -> int:
        values = self.numbers(tag)
        return int(values[0]) if values else default


def read_fields(data: FileBytes, frame: int = 0) -> Fields:
    """Reads the fields of a TIFF file.

    Args:
        data: The file.
        frame: The directory that is read, counted from 0.
    """
    head = data.at(0, 16)
    layout = _layout(head)
    if layout is None or len(head) < 8:
        return Fields()
    start = int.from_bytes(head[8:16] if layout.entry_bytes == 20 else head[4:8], layout.byte_order)
    directories = _chain(data, layout, start)
    if head[8:10] == b"CR" and layout.entry_bytes == 12:
        return Fields(refusal=f"{_RAW} (CR2)")
    if frame >= len(directories):
        return Fields()
    chosen = directories[frame]
    subs = [
        sub
        for offset in chosen.numbers(_SUB_DIRECTORIES)[:_MAX_DIRECTORIES]
        if (sub := _directory(data, layout, int(offset))) is not None
    ]
    refusal = _raw(directories, subs, chosen) or _wrongly_read(chosen)
    return Fields(
        refusal=refusal,
        kind=_kind(chosen),
        pictures=_further_pictures(chosen, subs),
        extras=_extras(chosen),
        losses=_bands(chosen),
        colour_tag=_colour_tag(chosen),
    )


def camera_raw(data: FileBytes) -> str | None:
    """Returns the name of a camera raw file such as "camera raw (DNG)"; None for another TIFF file."""
    refusal = read_fields(data).refusal
    return refusal if refusal is not None and refusal.startswith(_RAW) else None


def _layout(head: bytes) -> _Layout | None:
    orders: dict[bytes, Literal["<", ">"]] = {b"II": "<", b"MM": ">"}
    order = orders.get(head[:2])
    if order is None:
        return None
    magic = int.from_bytes(head[2:4], "little" if order == "<" else "big")
    if magic == 42:
        return _Layout(order, "H", "I", 12)
    return _Layout(order, "Q", "Q", 20) if magic == 43 else None


def _chain(data: FileBytes, layout: _Layout, start: int) -> list[_Directory]:
    found: list[_Directory] = []
    seen: set[int] = set()
    while start and start not in seen and len(found) < _MAX_DIRECTORIES:
        seen.add(start)
        directory = _directory(data, layout, start)
        if directory is None:
            break
        found.append(directory)
        start = directory.following
    return found


def _directory(data: FileBytes, layout: _Layout, start: int) -> _Directory | None:
    count_bytes = struct.calcsize(layout.entries)
    count = data.number(start, count_bytes, layout.byte_order)
    if count is None or count > _MAX_ENTRIES:
        return None
    size = count * layout.entry_bytes
    packed = data.at(start + count_bytes, size + layout.offset_bytes)
    tags: dict[int, tuple[float, ...] | bytes] = {}
    for position in range(0, min(size, len(packed) - layout.entry_bytes + 1), layout.entry_bytes):
        tag, kind, values = struct.unpack_from(layout.order + "HH" + layout.offset, packed, position)
        place = position + 4 + layout.offset_bytes
        tags.setdefault(tag, _values(data, layout, kind, values, packed[place : place + layout.offset_bytes]))
    following = packed[size : size + layout.offset_bytes]
    complete = len(following) == layout.offset_bytes
    return _Directory(tags, int.from_bytes(following, layout.byte_order) if complete else 0)


def _values(data: FileBytes, layout: _Layout, kind: int, count: int, field: bytes) -> tuple[float, ...] | bytes:
    size = _TYPE_BYTES[kind] if kind < len(_TYPE_BYTES) else 0
    count = min(count, _MAX_VALUES)
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


def _raw(directories: list[_Directory], subs: list[_Directory], chosen: _Directory) -> str | None:
    """Returns the name of a camera raw file, or of a preview of a larger picture; None for another file."""
    everything = [*directories, *subs]
    is_dng = any(_DNG_VERSION in each.tags for each in everything)
    if is_dng or any(each.number(_PHOTOMETRIC, 0) in (_CFA, _LINEAR_RAW) for each in everything):
        return f"{_RAW} ({'DNG' if is_dng else _maker(chosen)})"
    if any(_area(sub) > _area(chosen) for sub in subs):
        return f"{_RAW} ({_maker(chosen)}), or a preview of a larger picture in the file"
    return None


def _maker(directory: _Directory) -> str:
    make = directory.tags.get(_MAKE, b"")
    words = make.decode("latin-1").upper().split() if isinstance(make, bytes) else []
    return _RAW_BY_MAKER.get(words[0].strip("\0"), "TIFF") if words else "TIFF"


def _area(directory: _Directory) -> int:
    return directory.number(_WIDTH, 0) * directory.number(_HEIGHT, 0)


def _further_pictures(chosen: _Directory, subs: list[_Directory]) -> tuple[str, ...]:
    # Smaller versions can be made again; anything else cannot.
    others = [sub for sub in subs if not sub.number(_SUBFILE_TYPE, 0) & _REDUCED or _area(sub) >= _area(chosen)]
    return ("further pictures in sub-directories are not kept",) if others else ()


def _colours(directory: _Directory) -> int | None:
    photometric = directory.number(_PHOTOMETRIC, _WHITE_IS_ZERO)
    counts = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3, _CIELAB: 3}
    return counts.get(photometric)


def _wrongly_read(directory: _Directory) -> str | None:
    """Names what Pillow reads without an error and yet wrongly, and what nobody can tell the white of."""
    bits = directory.number(_BITS, 1)
    formats = set(directory.numbers(_SAMPLE_FORMAT))
    samples = directory.number(_SAMPLES, 1)
    if _SIGNED in formats and bits <= 16:
        return f"a TIFF with signed samples of {bits} bits"
    if formats & set(_COMPLEX):
        return "a TIFF with complex samples"
    if directory.number(_PLANAR, 1) == _SEPARATE and samples > 1:
        gray = directory.number(_PHOTOMETRIC, 0) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO)
        raw = directory.number(_COMPRESSION, 1) == _UNCOMPRESSED
        if gray:
            return "a TIFF with gray and alpha in separate planes"
        if raw and _ASSOCIATED in directory.numbers(_EXTRA_SAMPLES):
            return "a TIFF with premultiplied alpha in separate planes"
        if raw and bits > 8 and directory.number(_PHOTOMETRIC, 0) != _RGB:
            return f"a TIFF with {bits} bits a sample in separate planes, and not RGB"
    return None


def _kind(directory: _Directory) -> str | None:
    bits = [int(value) for value in directory.numbers(_BITS)] or [1]
    formats = directory.numbers(_SAMPLE_FORMAT)
    if _FLOAT in formats:
        return f"a TIFF with {len(bits)} x {bits[0]}-bit float samples"
    if len(set(bits)) > 1 or bits[0] not in (1, 2, 4, 8):
        return f"a TIFF with {' + '.join(map(str, bits[:8]))} bits a pixel"
    if directory.number(_PHOTOMETRIC, 0) not in (0, 1, 2, 3, 4, 5, 6, 8):
        return f"a TIFF with the photometric interpretation {directory.number(_PHOTOMETRIC, 0)}"
    extras = len(directory.numbers(_EXTRA_SAMPLES))
    return f"a TIFF with {extras} bands besides its colours" if extras else None


def _bands(directory: _Directory) -> tuple[str, ...]:
    colours, samples = _colours(directory), directory.number(_SAMPLES, 1)
    if colours is None or samples <= colours:
        return ()
    alpha = directory.numbers(_EXTRA_SAMPLES)[:1]
    carried = 1 if alpha and alpha[0] in (_ASSOCIATED, _UNASSOCIATED) and colours != 4 else 0
    lost = samples - colours - carried
    if not lost:
        return ()
    bands = "a further band" if lost == 1 else f"{lost} further bands"
    return (f"{bands} besides colours and alpha, such as infrared, {'is' if lost == 1 else 'are'} not kept",)


def _extras(directory: _Directory) -> tuple[str, ...]:
    others = directory.tags.keys() - _STRUCTURE - _CARRIED
    found = [text for tags, text in _NAMED if others & tags]
    unknown = sorted(others - {tag for tags, _ in _NAMED for tag in tags})
    if unknown:
        shown = ", ".join(map(str, unknown[:6])) + (" ..." if len(unknown) > 6 else "")
        found.append(f"the TIFF tags {shown} are not kept" if len(unknown) > 1 else f"the TIFF tag {shown} is not kept")
    return tuple(found)


def _colour_tag(directory: _Directory) -> ColourTag | None:
    if _ICC in directory.tags:
        return None
    if _TRANSFER in directory.tags:
        return ColourTag("TransferFunction", inexact="the transfer function of a table")
    primaries, white = directory.numbers(_PRIMARIES), directory.numbers(_WHITE)
    if len(primaries) != 6:
        return None
    rx, ry, gx, gy, bx, by = primaries
    wx, wy = white if len(white) == 2 else (0.3127, 0.3290)
    return from_chromaticities("PrimaryChromaticities", (wx, wy, rx, ry, gx, gy, bx, by))
