"""Takes .cnc files from disk or pipe, and no more of them than their heads account for."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import IO

from cnncompress.assembly import check_limits
from cnncompress.codec.container import MAX_SIDE, unpack_head
from cnncompress.codec.streams import read_start, read_up_to
from cnncompress.errors import UnreadableImage
from cnncompress.files import STANDARD_STREAM, reason


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
    try:
        with _opened(source) as stream:
            start = read_start(stream)
            head = unpack_head(start)
            check_limits(head.header, max_pixels, max_dim)
            return start + read_up_to(stream, head.file_bytes + 1 - len(start))
    except (OSError, ValueError) as error:
        raise UnreadableImage(reason(error)) from error


def _opened(source: str) -> contextlib.AbstractContextManager[IO[bytes]]:
    if source != STANDARD_STREAM:
        return Path(source).open("rb")
    if sys.stdin is None:
        raise UnreadableImage("standard input is closed")
    return contextlib.nullcontext(sys.stdin.buffer)
