"""Pillow's own limit of pixels, which is a variable of the whole process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class _Lifted:
    """Who has lifted the limit, and what it was."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.limit: int | None = None


# One for the process, as the limit is.
_lifted = _Lifted()


@contextlib.contextmanager
def limit_lifted() -> Iterator[None]:
    """Disables Pillow's pixel limit and its warning in the body; the caller must check a limit of its own.

    Any number of threads may be in such a body at the same time; the last to leave brings the limit back.
    """
    from PIL import Image

    with _lifted.lock:
        if not _lifted.users:
            _lifted.limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _lifted.users += 1
    try:
        yield
    finally:
        with _lifted.lock:
            _lifted.users -= 1
            if not _lifted.users:
                Image.MAX_IMAGE_PIXELS = _lifted.limit
