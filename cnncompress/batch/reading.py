"""Takes .cnc files from disk or pipe, and no more of them than their heads account for."""

from __future__ import annotations

from cnncompress.codec.container import MAX_SIDE, unpack_head
from cnncompress.codec.streams import read_start, read_up_to
from cnncompress.files import open_input
from cnncompress.images.limits import check_size


def read_cnc(source: str, max_pixels: int = MAX_SIDE**2, max_dim: int = MAX_SIDE) -> bytes:
    """Reads a .cnc file; one that is too large, or whose head is damaged, is not read to its end.

    Args:
        source: a path, or ``-`` for standard input.
        max_pixels: largest width times height; by default any.
        max_dim: longest side; by default any.

    Returns:
        Its bytes: all of them, or those up to the first that is too many.

    Raises:
        UnreadableImage: it cannot be opened or read.
        BitstreamError: the head is damaged, foreign or too new.
        LimitExceeded: the image is too large.
    """
    with open_input(source) as stream:
        start = read_start(stream)
        head = unpack_head(start)
        check_size(head.header.width, head.header.height, max_pixels, max_dim)
        return start + read_up_to(stream, head.file_bytes + 1 - len(start))
