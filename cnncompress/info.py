"""What a .cnc file says about itself, read without the network."""

from __future__ import annotations

from dataclasses import dataclass

from cnncompress.codec.container import Mode, chunk_name, unpack
from cnncompress.errors import InvalidModel
from cnncompress.manifest import read_manifest


@dataclass(frozen=True)
class Info:
    """The facts of one .cnc file.

    Attributes:
        width: pixels.
        height: pixels.
        mode: Pillow's name of the picture's layout.
        quality: 0..100, as the encoder was told.
        format_version: version of the container.
        fingerprint: first 4 bytes of the SHA-256 of the weights, 8 hexadecimal digits.
        model: name of the model with that fingerprint, None if no such model is installed.
        file_bytes: size of the whole file.
        bpp: bits per pixel of the whole file.
        chunks: name and payload bytes of each chunk, in file order.
    """

    width: int
    height: int
    mode: Mode
    quality: float
    format_version: int
    fingerprint: str
    model: str | None
    file_bytes: int
    bpp: float
    chunks: tuple[tuple[str, int], ...]


def probe(data: bytes | memoryview) -> Info:
    """Checks a .cnc file's structure and checksums and returns its facts.

    Raises:
        BitstreamError: the file is damaged, foreign or too new.
    """
    container = unpack(data)
    header = container.header
    file_bytes = memoryview(data).nbytes
    return Info(
        width=header.width,
        height=header.height,
        mode=header.layout.mode,
        quality=header.quality,
        format_version=header.version,
        fingerprint=header.fingerprint.hex(),
        model=_model_name(header.fingerprint.hex()),
        file_bytes=file_bytes,
        bpp=8 * file_bytes / (header.width * header.height),
        chunks=tuple((chunk_name(chunk.type), len(chunk.payload)) for chunk in container.chunks),
    )


def _model_name(fingerprint: str) -> str | None:
    try:
        entry = read_manifest().by_fingerprint(fingerprint)
    except InvalidModel:  # an installation without its models can still tell what is in a file
        return None
    return entry.name if entry is not None else None
