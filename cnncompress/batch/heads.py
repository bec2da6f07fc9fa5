"""What planning wants to know about .cnc files: read from their heads, without their payloads."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import IO

from cnncompress.codec.ancillary import SourceRecord, read_source
from cnncompress.codec.container import HEADER, Chunk, ChunkType, Container, Entry, Head, head_bytes, unpack_head
from cnncompress.errors import Truncated, UnreadableImage
from cnncompress.files import reason
from cnncompress.formats import SNIFFED_BYTES, sniff


def read_start(stream: IO[bytes]) -> bytes:
    """Reads header and table from the beginning of a file, as :func:`unpack_head` takes them.

    Raises:
        BitstreamError: they are damaged, foreign or too new.
    """
    start = stream.read(HEADER.size)
    return start + stream.read(head_bytes(start) - len(start))


def read_source_record(path: Path) -> SourceRecord | None:
    """Returns what a .cnc file was made from, None if it does not tell.

    Raises:
        UnreadableImage: it cannot be opened.
        BitstreamError: it is damaged or no .cnc file.
    """
    with _opened(path) as stream:
        head = unpack_head(read_start(stream))
        return _source_record(head, stream)


def ending_of_original(path: Path) -> str | None:
    """Returns the ending that a stored original had, or should have; None if no original is stored.

    Raises:
        UnreadableImage: it cannot be opened.
        BitstreamError: it is damaged or no .cnc file.
    """
    with _opened(path) as stream:
        head = unpack_head(read_start(stream))
        stored = _find(head, ChunkType.ORIGINAL)
        if stored is None:
            return None
        stream.seek(stored.offset)
        found = sniff(stream.read(min(SNIFFED_BYTES, stored.length)))
        record = _source_record(head, stream)
        return record.ending if record is not None and record.ending else found


def record_for(path: str, size: int) -> SourceRecord:
    """Returns the record to keep of a file that is compressed."""
    try:
        return SourceRecord(PurePath(path).suffix[1:], size)
    except ValueError:  # an ending of more than 32 bytes, or one that does not print
        return SourceRecord("", size)


def _source_record(head: Head, stream: IO[bytes]) -> SourceRecord | None:
    entry = _find(head, ChunkType.SOURCE)
    if entry is None:
        return None
    stream.seek(entry.offset)
    payload = stream.read(entry.length)
    if len(payload) < entry.length:
        raise Truncated(f"{entry.length - len(payload)} bytes of the source chunk are missing")
    return read_source(Container(head.header, (Chunk(entry.type, entry.verified(payload)),)))


def _find(head: Head, kind: ChunkType) -> Entry | None:
    return next((entry for entry in head.entries if entry.type == kind), None)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:
        raise UnreadableImage(reason(error)) from error
