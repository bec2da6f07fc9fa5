"""Reads .cnc files or parts of them from streams, and recovers the intact chunks of damaged files.

Long payloads are read in blocks: a stream allocates the requested length before it reads, and the lengths in a damaged
header may be far larger than the file.

`salvage` keeps every chunk whose checksum matches. The checksums cover the header as well, so that nothing is recovered
from a file with a damaged header. A wrong length in the chunk table loses all chunks after it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO

from cnncompress.bitstream.chunks import IMAGE_TYPES
from cnncompress.bitstream.container import (
    Chunk,
    ChunkType,
    Container,
    Entry,
    Head,
    chunk_name,
    unpack,
    unpack_head,
)
from cnncompress.errors import Truncated

_BLOCK_BYTES = 1 << 20
_FIRST_BYTES = 64


def read_up_to(stream: IO[bytes], length: int) -> bytes:
    """Reads a number of bytes, or fewer at the end of the stream; none if the number is negative."""
    if length <= _BLOCK_BYTES:
        return stream.read(max(0, length))
    data = io.BytesIO()
    while length > 0 and (block := stream.read(min(length, _BLOCK_BYTES))):
        length -= data.write(block)
    return data.getvalue()


def read_start(stream: IO[bytes]) -> tuple[Head, bytes]:
    """Reads header and table from the beginning of a file.

    Returns:
        Header and table, and all bytes read so far: at most twice the length of header and table, or 64.

    Raises:
        BitstreamError: Header or table are damaged, of another format or of a newer version.
    """
    start = b""
    while True:
        block = stream.read(max(_FIRST_BYTES, len(start)))
        start += block
        try:
            return unpack_head(start), start
        except Truncated:
            if not block:
                raise


def read_head(stream: IO[bytes]) -> Head:
    """Reads header and table from the beginning of a file.

    Raises:
        BitstreamError: Header or table are damaged, of another format or of a newer version.
    """
    return read_start(stream)[0]


def read_payload(stream: IO[bytes], entry: Entry) -> bytes:
    """Reads a payload and checks it.

    Args:
        stream: The file, seekable; its position does not matter.
        entry: Entry of the chunk.

    Raises:
        Truncated: The file ends before the payload does.
        Corrupt: The checksum does not match.
    """
    stream.seek(entry.offset)
    payload = read_up_to(stream, entry.length)
    if len(payload) < entry.length:
        missing = entry.length - len(payload)
        raise Truncated(f"{missing} of {entry.length} bytes of the {chunk_name(entry.type)} chunk are missing")
    return entry.verified(payload)


@dataclass(frozen=True)
class ParsedFile:
    """A parsed file, without the chunks that are damaged or missing.

    Attributes:
        container: Header and intact chunks.
        tiles: Payloads of the latent chunks, in order; None for each lost one.
        salvaged: Whether the file may be damaged. If so, chunks that cannot be decoded are left out.
        lost: Names of the other lost chunks.
        overlong: Whether the file has extra bytes at its end.
    """

    container: Container
    tiles: tuple[bytes | None, ...]
    salvaged: bool = False
    lost: tuple[str, ...] = ()
    overlong: bool = False

    @property
    def parts_lost(self) -> tuple[str, ...]:
        """One line for each lost chunk other than a tile, and one for extra bytes at the end."""
        lines = tuple(f"the {name} chunk is lost" for name in self.lost)
        if not self.overlong:
            return lines
        return (*lines, "there are extra bytes at the end of the file, which are ignored")

    @classmethod
    def whole(cls, data: bytes | memoryview) -> ParsedFile:
        """Parses an undamaged file.

        Raises:
            BitstreamError: The file is damaged, of another format or of a newer version, as for `unpack`.
        """
        container = unpack(data)
        return cls(container, container.payloads(ChunkType.LATENTS))


def salvage(data: bytes | memoryview) -> ParsedFile:
    """Parses a file that may be damaged, and leaves out damaged or missing chunks.

    Raises:
        BitstreamError: The file is of another format or of a newer version, or no chunk of the image is intact.
    """
    view = memoryview(data).cast("B")
    head = unpack_head(view)
    payloads = [_payload(view, entry) for entry in head.entries]
    found = list(zip(head.entries, payloads, strict=True))
    if not any(entry.type in IMAGE_TYPES for entry, payload in found if payload is not None):
        return ParsedFile.whole(data)  # raises the error that describes the damage
    sound = tuple(Chunk(entry.type, payload) for entry, payload in found if payload is not None)
    tiles = tuple(payload for entry, payload in found if entry.type == ChunkType.LATENTS)
    others = (entry for entry, payload in found if payload is None and entry.type != ChunkType.LATENTS)
    lost = tuple(chunk_name(entry.type) for entry in others)
    return ParsedFile(Container(head.header, sound), tiles, True, lost, len(view) > head.file_bytes)


def _payload(view: memoryview, entry: Entry) -> bytes | None:
    payload = bytes(view[entry.offset : entry.offset + entry.length])
    return payload if len(payload) == entry.length and entry.matches(payload) else None
