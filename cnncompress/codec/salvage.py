"""What is left of a damaged file: every chunk whose checksum matches.

Header and table must be whole: without them nobody knows what the rest is.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from cnncompress.codec.chunks import IMAGE_TYPES
from cnncompress.codec.container import Chunk, ChunkType, Container, Entry, chunk_name, unpack, unpack_head


@dataclass(frozen=True)
class Remains:
    """A file, perhaps without some of its chunks.

    Attributes:
        container: Header and sound chunks.
        tiles: Payloads of the latent chunks, in order; None for those that are lost.
        lost: Names of the other chunks that are lost.
        overlong: Whether there are bytes behind the file's end.
    """

    container: Container
    tiles: tuple[bytes | None, ...]
    lost: tuple[str, ...] = ()
    overlong: bool = False

    @classmethod
    def whole(cls, data: bytes | memoryview) -> Remains:
        """Takes a sound file apart.

        Raises:
            BitstreamError: It is not sound, as for `unpack`.
        """
        container = unpack(data)
        return cls(container, container.payloads(ChunkType.LATENTS))


def salvage(data: bytes | memoryview) -> Remains:
    """Takes a damaged file apart.

    Raises:
        BitstreamError: Header or table are damaged, the file is foreign or too new, or nothing is left of the image.
    """
    view = memoryview(data).cast("B")
    head = unpack_head(view)
    payloads = [_payload(view, entry) for entry in head.entries]
    found = list(zip(head.entries, payloads, strict=True))
    if not any(entry.type in IMAGE_TYPES for entry, payload in found if payload is not None):
        return Remains.whole(data)  # which says what is wrong
    sound = tuple(Chunk(entry.type, payload) for entry, payload in found if payload is not None)
    tiles = tuple(payload for entry, payload in found if entry.type == ChunkType.LATENTS)
    others = (entry for entry, payload in found if payload is None and entry.type != ChunkType.LATENTS)
    lost = tuple(chunk_name(entry.type) for entry in others)
    return Remains(Container(head.header, sound), tiles, lost, len(view) > head.file_bytes)


def _payload(view: memoryview, entry: Entry) -> bytes | None:
    payload = bytes(view[entry.offset : entry.offset + entry.length])
    return payload if len(payload) == entry.length and zlib.crc32(payload) == entry.check else None
