"""Payloads of the ancillary chunks: colour profile, EXIF, XMP, and a record of the source file.

Profile, EXIF and XMP are raw deflate streams (RFC 1951) of at most 16 MiB each when inflated; EXIF begins with its
TIFF header. The source record is the length of the source file, 5 bytes, little-endian, and the ending of its name in
UTF-8.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from cnncompress.bitstream.container import Chunk, ChunkType, Container
from cnncompress.errors import Corrupt

MAX_METADATA_BYTES = 1 << 24
"""Largest profile, EXIF or XMP packet, inflated, in bytes."""

EXIF_STARTS = (b"II*\0", b"MM\0*")
"""TIFF headers, little- and big-endian."""

MAX_ENDING_BYTES = 32
_SIZE_BYTES = 5
# An ending may be appended to a file name, and must not lead to another folder.
_FORBIDDEN_IN_ENDINGS = frozenset("/\\:.")

_RAW_DEFLATE = -zlib.MAX_WBITS


@dataclass(frozen=True)
class Metadata:
    """Metadata of an image.

    Attributes:
        icc: ICC profile, or None.
        exif: EXIF from its TIFF header on, or None. Its orientation, if present, is 1.
        xmp: XMP packet, or None.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


@dataclass(frozen=True)
class SourceRecord:
    """Record of the file that a .cnc file was made from.

    Attributes:
        ending: Ending of the file's name, without the dot and in its original case: ``jpg``, ``PNG``, or empty. At most
            32 bytes in UTF-8, printable, without the characters ``/\\:.``.
        size: Length of the file in bytes, less than 2^40.

    Raises:
        ValueError: A value is out of its range.
    """

    ending: str
    size: int

    def __post_init__(self) -> None:
        if not self.ending.isprintable() or not _FORBIDDEN_IN_ENDINGS.isdisjoint(self.ending):
            raise ValueError(f"the ending {self.ending!r} is not a valid ending of a file name")
        if len(self.ending.encode("utf-8", "replace")) > MAX_ENDING_BYTES:
            raise ValueError(f"the ending {self.ending!r} is longer than {MAX_ENDING_BYTES} bytes")
        if not 0 <= self.size < 1 << 8 * _SIZE_BYTES:
            raise ValueError(f"size is {self.size}, expected less than 2^{8 * _SIZE_BYTES}")


def ancillary_chunks(metadata: Metadata, source: SourceRecord | None = None) -> tuple[Chunk, ...]:
    """Returns the chunks for metadata and source record.

    Args:
        metadata: Metadata; each part that is not None becomes a chunk.
        source: Source record, or None for no such chunk.

    Raises:
        ValueError: A part of the metadata is larger than 16 MiB, or EXIF does not begin with a TIFF header.
    """
    if metadata.exif is not None and not metadata.exif.startswith(EXIF_STARTS):
        raise ValueError("EXIF does not begin with a TIFF header")
    parts = ((ChunkType.ICC, metadata.icc), (ChunkType.EXIF, metadata.exif), (ChunkType.XMP, metadata.xmp))
    chunks = [Chunk(kind, _deflate(part)) for kind, part in parts if part is not None]
    if source is not None:
        record = source.size.to_bytes(_SIZE_BYTES, "little") + source.ending.encode()
        chunks.append(Chunk(ChunkType.SOURCE, record))
    return tuple(chunks)


def read_metadata(container: Container) -> Metadata:
    """Returns the contents of the metadata chunks.

    Raises:
        Corrupt: A metadata chunk is damaged, or inflates to more than 16 MiB.
    """
    found = {chunk.type: chunk.payload for chunk in container.chunks}
    exif = _inflate(found, ChunkType.EXIF)
    if exif is not None and not exif.startswith(EXIF_STARTS):
        raise Corrupt("the exif chunk does not begin with a TIFF header")
    return Metadata(_inflate(found, ChunkType.ICC), exif, _inflate(found, ChunkType.XMP))


def read_source(container: Container) -> SourceRecord | None:
    """Returns the record of the source file; None if the file has none.

    Raises:
        Corrupt: The record is damaged.
    """
    for chunk in container.chunks:
        if chunk.type == ChunkType.SOURCE:
            return _source_record(chunk.payload)
    return None


def _source_record(payload: bytes) -> SourceRecord:
    if len(payload) < _SIZE_BYTES:
        raise Corrupt(f"the source chunk has {len(payload)} bytes, expected at least {_SIZE_BYTES}")
    try:
        return SourceRecord(payload[_SIZE_BYTES:].decode(), int.from_bytes(payload[:_SIZE_BYTES], "little"))
    except ValueError:  # includes UnicodeDecodeError
        raise Corrupt("the source chunk has no valid ending of a file name") from None


def _deflate(data: bytes) -> bytes:
    if len(data) > MAX_METADATA_BYTES:
        raise ValueError(f"{len(data)} bytes of metadata, expected at most {MAX_METADATA_BYTES}")
    compressor = zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE, 9)
    return compressor.compress(data) + compressor.flush()


def _inflate(payloads: dict[int, bytes], chunk_type: ChunkType) -> bytes | None:
    if chunk_type not in payloads:
        return None
    name = chunk_type.name.lower()
    decompressor = zlib.decompressobj(_RAW_DEFLATE)
    try:
        data = decompressor.decompress(payloads[chunk_type], MAX_METADATA_BYTES + 1)
    except zlib.error as error:
        raise Corrupt(f"the {name} chunk cannot be inflated") from error
    if len(data) > MAX_METADATA_BYTES:
        raise Corrupt(f"the {name} chunk is larger than {MAX_METADATA_BYTES} bytes when inflated")
    if not decompressor.eof or decompressor.unused_data or decompressor.unconsumed_tail:
        raise Corrupt(f"the {name} chunk ends too early or too late")
    return data
