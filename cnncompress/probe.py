"""What a .cnc file says about itself, read without the network."""

from __future__ import annotations

from dataclasses import dataclass

from cnncompress.bitstream.ancillary import SourceRecord, read_source
from cnncompress.bitstream.container import ChunkType, Coding, Mode, chunk_name, unpack
from cnncompress.bitstream.header import tile_count
from cnncompress.errors import InvalidModel
from cnncompress.files import FileSource, whole_file
from cnncompress.images.formats import sniff
from cnncompress.model.manifest import read_manifest


@dataclass(frozen=True)
class Info:
    """The facts of one .cnc file.

    Attributes:
        width: pixels.
        height: pixels.
        mode: Pillow's name of the picture's layout.
        coding: ``learned``, ``lossless``, or ``stored`` for an original file.
        quality: 0..100, as the encoder was told; None if the coding is not learned.
        format_version: version of the container.
        fingerprint: first 4 bytes of the SHA-256 of the weights, 8 hexadecimal digits; None if none are needed.
        model: name of the model with that fingerprint, None if no such model is installed or none is needed.
        file_bytes: size of the whole file.
        bpp: bits per pixel of the whole file.
        chunks: name and payload bytes of each chunk, in file order; ``icc``, ``exif`` and ``xmp`` as they are stored.
        original: usual ending of a stored original's format; None if it is not known, or nothing is stored.
        source: the file that it was made from, if that was noted.
        tiles: how many parts of the image are coded on their own.
        tile_side: of all of them but those at the right and at the bottom, in pixels; 0 if there is one tile only.
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
    """Checks a .cnc file's structure and checksums and returns its facts.

    Args:
        source: the whole file, or its path.

    Raises:
        UnreadableImage: there is no such file, or it cannot be read.
        BitstreamError: the file is damaged, foreign or too new.
    """
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
        bpp=8 * data.nbytes / (header.width * header.height),
        chunks=tuple((chunk_name(chunk.type), len(chunk.payload)) for chunk in container.chunks),
        original=sniff(container.payload(ChunkType.ORIGINAL)) if coding == "stored" else None,
        source=read_source(container),
        tiles=tile_count(header),
        tile_side=header.tile_side,
    )


def _model_name(fingerprint: str) -> str | None:
    try:
        entry = read_manifest().by_fingerprint(fingerprint)
    except InvalidModel:  # an installation without its models can still tell what is in a file
        return None
    return entry.name if entry is not None else None
