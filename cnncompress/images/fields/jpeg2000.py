"""Fields of JPEG 2000 files: depth of the components, colours, boxes. ITU-T T.800 and T.801."""

from __future__ import annotations

import struct
from typing import NamedTuple

from cnncompress.bitstream.ancillary import MAX_METADATA_BYTES, Metadata
from cnncompress.images.fields.boxes import Box, boxes
from cnncompress.images.fields.colours import ColourTag
from cnncompress.images.fields.file_bytes import FileBytes
from cnncompress.images.fields.findings import Fields, named_once

_SOC_SIZ = b"\xff\x4f\xff\x51"
_COD, _COC, _SOT, _SOD, _COM = 0xFF52, 0xFF53, 0xFF90, 0xFF93, 0xFF64
_REVERSIBLE = 1
_MAX_MARKERS = 10_000

_STRUCTURE = frozenset({b"jP  ", b"ftyp", b"jp2h", b"jp2c"})
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_UUIDS = {
    bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03"): "geo-references (GeoJP2) are not kept",
    b"JpgTiffExif->JP2": "EXIF of a JPEG 2000 file is not kept",
}
_ENUMERATED, _RESTRICTED_ICC, _ANY_ICC = 1, 2, 3
_READ_SPACES = frozenset({12, 16, 17, 18})


class Codestream(NamedTuple):
    """The main header of a codestream.

    Attributes:
        start: Offset of the codestream.
        depths: Bits of each component.
        reversible: Whether all of it is coded with the reversible transform, without loss.
        text: Whether it has comments.
    """

    start: int
    depths: tuple[int, ...]
    reversible: bool
    text: bool

    @property
    def wraps(self) -> bool:
        """Whether Pillow's conversion to 8 bits lets white overflow to black."""
        return max(self.depths, default=8) > 8


def read_fields(data: FileBytes) -> Fields:
    """Reads the fields of a JPEG 2000 file or codestream."""
    stream = codestream(data)
    extras: list[str] = []
    tag, icc, xmp = None, None, None
    complete = True
    if data.at(0, 4) != _SOC_SIZ:
        complete = False
        for box in boxes(data, 0, data.size):
            complete = box.end >= data.size
            if box.name == b"jp2h":
                tag, icc = _colours(data, box)
            elif box.name == b"uuid":
                identity = data.at(box.start, 16)
                if identity == _XMP_UUID:
                    xmp = data.at(box.start + 16, min(box.length - 16, MAX_METADATA_BYTES + 1)) or None
                else:
                    extras.append(_UUIDS.get(identity, "private boxes (uuid) are not kept"))
            elif box.name not in _STRUCTURE:
                extras.append(f"private boxes ({box.shown_name}) are not kept")
    refusal = None
    if stream is not None:
        if stream.text:
            extras.append("comments are not kept")
        if len(stream.depths) > 1 and stream.wraps and not stream.reversible:
            refusal = f"a JPEG 2000 in colour, coded with loss, with {max(stream.depths)} bits a sample"
    return Fields(
        refusal=refusal,
        extras=named_once(extras),
        colour_tag=tag,
        metadata=Metadata(icc=icc, xmp=xmp),
        known=complete and data.at(0, 4) != _SOC_SIZ,
    )


def codestream(data: FileBytes) -> Codestream | None:
    """Finds the codestream and reads its main header; None if there is none."""
    start = 0
    if data.at(0, 4) != _SOC_SIZ:
        found = next((box.start for box in boxes(data, 0, data.size) if box.name == b"jp2c"), None)
        if found is None or data.at(found, 4) != _SOC_SIZ:
            return None
        start = found
    count = data.number(start + 40, 2) or 0
    described = data.at(start + 42, 3 * min(count, 256))
    depths = tuple((value & 0x7F) + 1 for value in described[::3])
    reversible, text = _coding(data, start + 2)
    return Codestream(start, depths, reversible, text)


def with_another_bit(data: FileBytes, stream: Codestream) -> bytes:
    """Returns the file with one bit more declared for each component, which halves the decoded distance from gray.

    Only for a reversible codestream, whose coefficients do not depend on the declared depth.
    """
    changed = bytearray(data.whole())
    for index in range(len(stream.depths)):
        changed[stream.start + 42 + 3 * index] += 1
    return bytes(changed)


def _coding(data: FileBytes, position: int) -> tuple[bool, bool]:
    """Whether main header and tile headers name the reversible transform alone, and whether there are comments."""
    reversible, text, found = True, False, False
    tile_end = 0
    for _ in range(_MAX_MARKERS):
        marker = data.number(position, 2)
        if marker is None or marker >> 8 != 0xFF:
            return reversible and found, text
        if marker == _SOD:
            position = tile_end
            continue
        length = data.number(position + 2, 2)
        if length is None or length < 2:
            return reversible and found, text
        if marker == _COD:
            reversible &= data.number(position + 13, 1) == _REVERSIBLE
            found = True
        elif marker == _COC:
            reversible = False  # rare, and its length depends on the number of components
        elif marker == _COM:
            # Encoders sign their work in a comment.
            text |= not data.at(position + 6, 12).startswith((b"Created by", b"Kakadu"))
        elif marker == _SOT:
            part = data.number(position + 6, 4) or 0
            tile_end = position + part if part else data.size
            if tile_end <= position:
                return False, text
        position += 2 + length
    return False, text


def _colours(data: FileBytes, header: Box) -> tuple[ColourTag | None, bytes | None]:
    for box in boxes(data, header.start, header.end):
        if box.name != b"colr":
            continue
        head = data.at(box.start, 7)
        if len(head) < 7:
            return None, None
        if head[0] in (_RESTRICTED_ICC, _ANY_ICC):
            return None, data.at(box.start + 3, min(box.length - 3, MAX_METADATA_BYTES + 1)) or None
        (space,) = struct.unpack_from(">I", head, 3)
        if head[0] != _ENUMERATED or space not in _READ_SPACES:
            return ColourTag("the colr box", inexact=f"the colour space {space}"), None
        return None, None
    return None, None
