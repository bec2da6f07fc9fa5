"""Information about a .cnc file, read without decoding it."""

from __future__ import annotations

from dataclasses import dataclass

from cnncompress.bitstream.ancillary import SourceRecord, read_source
from cnncompress.bitstream.container import ChunkType, Coding, Mode, chunk_name, unpack
from cnncompress.bitstream.header import tile_count
from cnncompress.errors import InvalidModel
from cnncompress.files.inputs import FileSource, whole_file
from cnncompress.images.formats import sniff
from cnncompress.model.manifest import read_manifest
from cnncompress.named_errors import naming
from cnncompress.units import bits_per_pixel


@dataclass(frozen=True)
class Info:
    """Information about a .cnc file.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        mode: Pillow's mode for the layout of the image.
        coding: How the image is coded: ``avif``, ``learned``, ``lossless``, or ``stored`` for an original file.
        quality: Quality given to the encoder, ``0 .. 100``; None if the coding is without loss.
        format_version: Version of the file format.
        fingerprint: First 4 bytes of the SHA-256 of the weights, as 8 hexadecimal digits; None if no model is needed.
        model: Name of the model with this fingerprint; None if it is not installed or no model is needed.
        file_bytes: Size of the whole file in bytes.
        bpp: Rate of the whole file in bits per pixel.
        chunks: Name and payload size in bytes of each chunk, in file order. Sizes of ``icc``, ``exif`` and ``xmp`` are
            compressed sizes.
        original: Usual ending of the format of a stored original; None if the format is unknown or nothing is stored.
        source: Record of the file that it was made from, if present.
        tiles: Number of tiles, which are coded independently.
        tile_side: Side of the tiles in pixels, except those at the right and bottom edges; 0 if there is one tile.
    """

    width: int
    height: int
    mode: Mode
    coding: Coding
    quality: float | None
    format_version: int
    fingerprint: str | None
    model: str | None
    file_bytes: int
    bpp: float
    chunks: tuple[tuple[str, int], ...]
    original: str | None = None
    source: SourceRecord | None = None
    tiles: int = 1
    tile_side: int = 0


def probe(source: FileSource) -> Info:
    """Checks the structure and the checksums of a .cnc file, and returns information about it.

    Args:
        source: The bytes of the file, its path, or a binary stream, which is read from its beginning.

    Raises:
        TypeError: The source is neither bytes, a path nor a binary stream.
        UnreadableImage: The file does not exist or cannot be read.
        BitstreamError: The file is damaged, of another format or of a newer version.
    """
    with naming(source):
        data = whole_file(source)
        container = unpack(data)
    header = container.header
    coding = container.coding
    fingerprint = header.fingerprint.hex() if coding == "learned" else None
    return Info(
        width=header.width,
        height=header.height,
        mode=header.layout.mode,
        coding=coding,
        quality=header.quality if coding in ("avif", "learned") else None,
        format_version=header.version,
        fingerprint=fingerprint,
        model=None if fingerprint is None else _model_name(fingerprint),
        file_bytes=data.nbytes,
        bpp=bits_per_pixel(data.nbytes, header.width, header.height),
        chunks=tuple((chunk_name(chunk.type), len(chunk.payload)) for chunk in container.chunks),
        original=sniff(container.payload(ChunkType.ORIGINAL)) if coding == "stored" else None,
        source=read_source(container),
        tiles=tile_count(header),
        tile_side=header.tile_side,
    )


def _model_name(fingerprint: str) -> str | None:
    try:
        entry = read_manifest().by_fingerprint(fingerprint)
    except InvalidModel:  # the other information does not need installed models
        return None
    return entry.name if entry is not None else None
