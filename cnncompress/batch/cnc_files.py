"""Reads .cnc files for a batch: only header and table for planning, and never more than their length in the table."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import IO

from cnncompress.batch.inputs import CNC
from cnncompress.bitstream.ancillary import SourceRecord, read_source
from cnncompress.bitstream.container import Chunk, ChunkType, Container, Entry, Head
from cnncompress.bitstream.reading import read_head, read_payload, read_start, read_up_to
from cnncompress.files.inputs import open_input
from cnncompress.images.formats import SNIFFED_BYTES, is_image_ending, output_format, sniff
from cnncompress.images.limits import ANY_SIZE, Limits
from cnncompress.remote import plain_url

SAME = "same"
"""In the place of a format of decompressed images: that of the file that each was made from."""


def read_source_record(path: Path) -> SourceRecord | None:
    """Returns the record of the file that a .cnc file was made from; None if it has none.

    Raises:
        UnreadableImage: The file cannot be opened or read.
        BitstreamError: The file is damaged or is not a .cnc file.
    """
    with open_input(path) as stream:
        return _source_record(read_head(stream), stream)


def ending_of_image(path: Path, wanted: str | None = None) -> str | None:
    """Returns the file name ending for the image of a .cnc file, as far as the file decides it.

    For a stored original this is the recorded ending if it belongs to an image format, or if the name of the .cnc file
    contains it (``photo.jpg.cnc``). Otherwise it follows from the original's content: the sender of a file must not be
    able to choose an ending such as that of a program.

    Args:
        path: Path of the .cnc file.
        wanted: `SAME` for the ending of the source of a coded image, too, if images can be written in its format.

    Returns:
        The ending without the dot; None if the file does not decide it, or a stored original is not an image.

    Raises:
        UnreadableImage: The file cannot be opened or read.
        BitstreamError: The file is damaged or is not a .cnc file.
    """
    with open_input(path) as stream:
        return ending_in_stream(stream, path.name, wanted)


def ending_in_stream(stream: IO[bytes], name: str, wanted: str | None = None) -> str | None:
    """Returns the same for the file in a seekable stream.

    Args:
        stream: At the beginning of the file.
        name: Name of the .cnc file.
        wanted: As for `ending_of_image`.

    Raises:
        BitstreamError: The file is damaged or is not a .cnc file.
    """
    head = read_head(stream)
    stored = _find(head, ChunkType.ORIGINAL)
    if stored is None:
        if wanted != SAME:
            return None
        source = _source_record(head, stream)
        ending = PurePath(PurePath(name).stem).suffix[1:] if source is None else source.ending
        return ending if output_format(f"image.{ending}") is not None else None
    stream.seek(stored.offset)
    found = sniff(stream.read(min(SNIFFED_BYTES, stored.length)))
    record = _source_record(head, stream)
    ending = record.ending if record is not None else ""
    if is_image_ending(ending) or _is_shown(PurePath(name), ending):
        return ending
    return found if found != CNC else None


def record_for(path: str, size: int) -> SourceRecord:
    """Returns the source record for a file that is compressed.

    Args:
        path: Path or URL of the file.
        size: Length of the file in bytes.
    """
    try:
        return SourceRecord(PurePath(plain_url(path)).suffix[1:], size)
    except ValueError:  # an ending of more than 32 bytes, or with unprintable characters
        return SourceRecord("", size)


def _is_shown(path: PurePath, ending: str) -> bool:
    return bool(ending) and PurePath(path.stem).suffix.lower() == f".{ending.lower()}"


def _source_record(head: Head, stream: IO[bytes]) -> SourceRecord | None:
    entry = _find(head, ChunkType.SOURCE)
    if entry is None:
        return None
    return read_source(Container(head.header, (Chunk(entry.type, read_payload(stream, entry)),)))


def _find(head: Head, kind: ChunkType) -> Entry | None:
    return next((entry for entry in head.entries if entry.type == kind), None)


def read_cnc(source: str, limits: Limits = ANY_SIZE) -> bytes:
    """Reads a .cnc file, but not to its end if its header is invalid or the image is too large.

    Args:
        source: A path, a URL, or ``-`` for standard input. An object is read as a whole, if it is no larger than the
            memory that the limits allow.
        limits: How large the image may be.

    Returns:
        The bytes of the file. Of extra bytes after the length in the table only the first few are read.

    Raises:
        UnreadableImage: The file cannot be opened or read.
        BitstreamError: Header or table are damaged, of another format or of a newer version.
        LimitExceeded: The image is too large, or an object.
    """
    with open_input(source, limits.memory) as stream:
        return read_cnc_stream(stream, limits)


def read_cnc_stream(stream: IO[bytes], limits: Limits = ANY_SIZE) -> bytes:
    """Reads a .cnc file from a stream; result and errors as for `read_cnc`."""
    head, start = read_start(stream)
    limits.check_size(head.header.width, head.header.height)
    return start + read_up_to(stream, head.file_bytes + 1 - len(start))
