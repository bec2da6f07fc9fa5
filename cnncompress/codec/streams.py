"""Reads .cnc files from streams, as much of them as is wanted.

Nothing is asked for that only a header speaks of: a file allocates what it is asked for before it reads.
"""

from __future__ import annotations

import io
from typing import IO

from cnncompress.codec.container import HEADER, Entry, Head, chunk_name, head_bytes, unpack_head
from cnncompress.errors import Truncated

_BLOCK_BYTES = 1 << 20


def read_up_to(stream: IO[bytes], length: int) -> bytes:
    """Reads so many bytes, or as many as there are."""
    if length <= _BLOCK_BYTES:
        return stream.read(length)
    data = io.BytesIO()
    while length > 0 and (block := stream.read(min(length, _BLOCK_BYTES))):
        length -= data.write(block)
    return data.getvalue()


def read_start(stream: IO[bytes]) -> bytes:
    """Reads header and table from the beginning of a file, as `unpack_head` takes them.

    Raises:
        BadMagic, UnsupportedVersion, Truncated: as for `unpack_head`.
    """
    start = stream.read(HEADER.size)
    return start + stream.read(head_bytes(start) - len(start))


def read_head(stream: IO[bytes]) -> Head:
    """Reads header and table from the beginning of a file.

    Raises:
        BitstreamError: they are damaged, foreign or too new.
    """
    return unpack_head(read_start(stream))


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
