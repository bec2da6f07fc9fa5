"""Fields of TIFF files: sub-pictures, planes, formats of samples, further bands, tags that are not carried.

TIFF Revision 6.0, TIFF Technical Note 1 (SubIFDs), BigTIFF, Adobe DNG. Camera raw files are TIFF inside: their first
directory is a thumbnail.
"""

from __future__ import annotations

from cnncompress.images.fields.colours import ColourTag, from_chromaticities
from cnncompress.images.fields.file_bytes import FileBytes, behind_the_end
from cnncompress.images.fields.findings import Fields
from cnncompress.images.fields.tiff_directories import Directory, TiffDirectories

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

# Tags that say how pixels are stored, and those that metadata.py carries.
_STRUCTURE = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 284, 288, 289, 290, 291,
     292, 293, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 326, 327, 328, 330, 332, 334, 336, 338, 339, 340,
     341, 342, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 32995, 32996, 32997, 32998}
)  # fmt: skip
_CARRIED = frozenset({270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 700, 18246, 18249, 33432, 34665, 34675, 34853})
# What programs write by themselves: names of document and page, positions on the page.
_REMARKS = frozenset({269, 285, 286, 287})
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


def read_fields(data: FileBytes, frame: int = 0) -> Fields:
    """Reads the fields of a TIFF file.

    Args:
        data: The file.
        frame: The directory that is read, counted from 0.
    """
    if data.at(8, 2) == b"CR" and data.at(2, 2) in (b"*\0", b"\0*"):
        return Fields(refusal=f"{_RAW} (CR2)")
    file = TiffDirectories(data)
    directories = file.chain()
    if frame >= len(directories):
        return Fields()
    chosen = directories[frame]
    subs = file.at(chosen.numbers(_SUB_DIRECTORIES))
    end = file.end([*directories, *subs])
    refusal = _raw(directories, subs, chosen) or _wrongly_read(chosen)
    return Fields(
        refusal=refusal,
        kind=_kind(chosen),
        pictures=_further_pictures(chosen, subs),
        extras=(*_extras(chosen), *(behind_the_end(data, end, margin=8) if end is not None else ())),
        losses=_bands(chosen),
        colour_tag=_colour_tag(chosen),
    )


def camera_raw(data: FileBytes) -> str | None:
    """Returns the name of a camera raw file such as "camera raw (DNG)"; None for another TIFF file."""
    refusal = read_fields(data).refusal
    return refusal if refusal is not None and refusal.startswith(_RAW) else None


def _raw(directories: list[Directory], subs: list[Directory], chosen: Directory) -> str | None:
    """Returns the name of a camera raw file, or of a preview of a larger picture; None for another file."""
    everything = [*directories, *subs]
    is_dng = any(_DNG_VERSION in each.tags for each in everything)
    if is_dng or any(each.number(_PHOTOMETRIC, 0) in (_CFA, _LINEAR_RAW) for each in everything):
        return f"{_RAW} ({'DNG' if is_dng else _maker(chosen)})"
    if any(_area(sub) > _area(chosen) for sub in subs):
        return f"{_RAW} ({_maker(chosen)}), or a preview of a larger picture in the file"
    return None


def _maker(directory: Directory) -> str:
    make = directory.tags.get(_MAKE, b"")
    words = make.decode("latin-1").upper().split() if isinstance(make, bytes) else []
    return _RAW_BY_MAKER.get(words[0].strip("\0"), "TIFF") if words else "TIFF"


def _area(directory: Directory) -> int:
    return directory.number(_WIDTH, 0) * directory.number(_HEIGHT, 0)


def _further_pictures(chosen: Directory, subs: list[Directory]) -> tuple[str, ...]:
    # Smaller versions can be made again; anything else cannot.
    others = [sub for sub in subs if not sub.number(_SUBFILE_TYPE, 0) & _REDUCED or _area(sub) >= _area(chosen)]
    return ("further pictures in sub-directories are not kept",) if others else ()


def _colours(directory: Directory) -> int | None:
    photometric = directory.number(_PHOTOMETRIC, _WHITE_IS_ZERO)
    counts = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3, _CIELAB: 3}
    return counts.get(photometric)


def _wrongly_read(directory: Directory) -> str | None:
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


def _kind(directory: Directory) -> str | None:
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


def _bands(directory: Directory) -> tuple[str, ...]:
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


def _extras(directory: Directory) -> tuple[str, ...]:
    others = directory.tags.keys() - _STRUCTURE - _CARRIED - _REMARKS
    found = [text for tags, text in _NAMED if others & tags]
    unknown = sorted(others - {tag for tags, _ in _NAMED for tag in tags})
    if unknown:
        shown = ", ".join(map(str, unknown[:6])) + (" ..." if len(unknown) > 6 else "")
        found.append(f"the TIFF tags {shown} are not kept" if len(unknown) > 1 else f"the TIFF tag {shown} is not kept")
    return tuple(found)


def _colour_tag(directory: Directory) -> ColourTag | None:
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
