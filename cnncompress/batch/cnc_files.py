"""Reads .cnc files for a batch: for planning their heads alone, and never more than their heads account for."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import IO

from cnncompress.batch.inputs import CNC
from cnncompress.bitstream import reading
from cnncompress.bitstream.ancillary import SourceRecord, read_source
from cnncompress.bitstream.container import Chunk, ChunkType, Container, Entry, Head
from cnncompress.files import open_input
from cnncompress.images.formats import SNIFFED_BYTES, is_image_ending, sniff
from cnncompress.images.limits import ANY_SIZE, Limits


def read_head(path: Path) -> Head:
    """Reads header and table of a .cnc file.

    Raises:
        UnreadableImage: it cannot be opened or read.
        BitstreamError: it is damaged or no .cnc file.
    """
    with open_input(path) as stream:
        return reading.read_head(stream)


def read_source_record(path: Path) -> SourceRecord | None:
    """Returns what a .cnc file was made from, None if it does not tell.

    Raises:
        UnreadableImage: it cannot be opened or read.
        BitstreamError: it is damaged or no .cnc file.
    """
    with open_input(path) as stream:
        return _source_record(reading.read_head(stream), stream)


def ending_of_original(path: Path) -> str | None:
    """Returns the ending that a stored original had, or should have; None if there is none, or it is no image.

    The ending that it had counts if it is one of images, or if the .cnc file shows it before its own: nobody who sends
    a picture decides that it becomes a program.

    Raises:
        UnreadableImage: it cannot be opened or read.
        BitstreamError: it is damaged or no .cnc file.
    """
    with open_input(path) as stream:
        head = reading.read_head(stream)
        stored = _find(head, ChunkType.ORIGINAL)
        if stored is None:
            return None
        stream.seek(stored.offset)
        found = sniff(stream.read(min(SNIFFED_BYTES, stored.length)))
        record = _source_record(head, stream)
        ending = record.ending if record is not None else ""
        if is_image_ending(ending) or _is_shown(path, ending):
            return ending
        return found if found != CNC else None


def record_for(path: str, size: int) -> SourceRecord:
    """Returns the record to keep of a file that is compressed."""
    try:
        return SourceRecord(PurePath(path).suffix[1:], size)
    except ValueError:  # an ending of more than 32 bytes, or one that does not print
        return SourceRecord("", size)


def _is_shown(path: Path, ending: str) -> bool:
    return bool(ending) and PurePath(path.stem).suffix.lower() == f".{ending.lower()}"


def _source_record(head: Head, stream: IO[bytes]) -> SourceRecord | None:
    entry = _find(head, ChunkType.SOURCE)
    if entry is None:
        return None
    return read_source(Container(head.header, (Chunk(entry.type, reading.read_payload(stream, entry)),)))


def _find(head: Head, kind: ChunkType) -> Entry | None:
    return next((entry for entry in head.entries if entry.type == kind), None)


def read_cnc(source: str, limits: Limits = ANY_SIZE) -> bytes:
    """Reads a .cnc file; one that is too large, or whose head makes no sense, is not read to its end.

    Args:
        source: a path, or ``-`` for standard input.
        limits: how large the image may be.

    Returns:
        Its bytes: all of them, or no more than a few that are too many.

    Raises:
        UnreadableImage: it cannot be opened or read.
        BitstreamError: the head is damaged, foreign or too new.
        LimitExceeded: the image is too large.
    """
    with open_input(source) as stream:
        head, start = reading.read_start(stream)
        limits.check_size(head.header.width, head.header.height)
        return start + reading.read_up_to(stream, head.file_bytes + 1 - len(start))
