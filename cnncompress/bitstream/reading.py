"""Reads .cnc files from streams, as much of them as is wanted, and takes apart what is left of damaged ones.

Nothing is asked for that only a header speaks of: a file allocates what it is asked for before it reads.

What is left of a damaged file is every chunk whose checksum matches. It covers the header as well, so that nothing is
left where that is damaged; a length that is wrong in the table loses the chunks behind it.
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
    """Reads so many bytes, or as many as there are; none if the length is negative."""
    if length <= _BLOCK_BYTES:
        return stream.read(max(0, length))
    data = io.BytesIO()
    while length > 0 and (block := stream.read(min(length, _BLOCK_BYTES))):
        length -= data.write(block)
    return data.getvalue()


def read_start(stream: IO[bytes]) -> tuple[Head, bytes]:
    """Reads header and table from the beginning of a file.

    Returns:
        Header and table, and all bytes that were read for them: at most twice as many as they have, or 64.

    Raises:
        BitstreamError: they are damaged, foreign or too new.
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
        BitstreamError: they are damaged, foreign or too new.
    """
    return read_start(stream)[0]


def read_payload(stream: IO[bytes], entry: Entry) -> bytes:
    """Reads a payload, wherever in the file the stream is, and checks it.

    Raises:
        Truncated: the file ends before.
        Corrupt: its checksum does not match.
    """
    stream.seek(entry.offset)
    payload = read_up_to(stream, entry.length)
    if len(payload) < entry.length:
        missing = entry.length - len(payload)
        raise Truncated(f"{missing} of {entry.length} bytes of the {chunk_name(entry.type)} chunk are missing")
    return entry.verified(payload)


@dataclass(frozen=True)
class ParsedFile:
    """A file, perhaps without some of its chunks.

    Attributes:
        container: Header and sound chunks.
        tiles: Payloads of the latent chunks, in order; None for those that are lost.
        salvaged: Whether the file may be damaged; what cannot be decoded is left out then.
        lost: Names of the other chunks that are lost.
        overlong: Whether there are bytes behind the file's end.
    """

    container: Container
    tiles: tuple[bytes | None, ...]
    salvaged: bool = False
    lost: tuple[str, ...] = ()
    overlong: bool = False

    @property
    def parts_lost(self) -> tuple[str, ...]:
        """A line for each chunk other than a tile that is lost, and for bytes behind the end."""
        lines = tuple(f"the {name} chunk is lost" for name in self.lost)
        if not self.overlong:
            return lines
        return (*lines, "there are bytes too many at the end of the file, which are left aside")

    @classmethod
    def whole(cls, data: bytes | memoryview) -> ParsedFile:
        """Takes a sound file apart.

        Raises:
            BitstreamError: It is not sound, as for `unpack`.
        """
        container = unpack(data)
        return cls(container, container.payloads(ChunkType.LATENTS))


def salvage(data: bytes | memoryview) -> ParsedFile:
    """Takes a damaged file apart.

    Raises:
        BitstreamError: The file is foreign or too new, or nothing is left of the image.
    """
    view = memoryview(data).cast("B")
    head = unpack_head(view)
    payloads = [_payload(view, entry) for entry in head.entries]
    found = list(zip(head.entries, payloads, strict=True))
    if not any(entry.type in IMAGE_TYPES for entry, payload in found if payload is not None):
        return ParsedFile.whole(data)  # which says what is wrong
    sound = tuple(Chunk(entry.type, payload) for entry, payload in found if payload is not None)
    tiles = tuple(payload for entry, payload in found if entry.type == ChunkType.LATENTS)
    others = (entry for entry, payload in found if payload is None and entry.type != ChunkType.LATENTS)
    lost = tuple(chunk_name(entry.type) for entry in others)
    return ParsedFile(Container(head.header, sound), tiles, True, lost, len(view) > head.file_bytes)


def _payload(view: memoryview, entry: Entry) -> bytes | None:
    payload = bytes(view[entry.offset : entry.offset + entry.length])
    return payload if len(payload) == entry.length and entry.matches(payload) else None
