"""What decoders say besides their result: Pillow's warnings, and lines that libtiff writes to standard error."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_STANDARD_ERROR = 2
_SHOWN_CHARACTERS = 200

# A file descriptor belongs to the process; two threads must not redirect it at the same time.
_redirecting = threading.Lock()


def silence_pillow() -> None:
    """Hides Pillow's warnings and log messages for the whole process, unless ``-W`` or ``PYTHONWARNINGS`` is set.

    Those are about unusual files; a real problem with a file raises an error as well.
    """
    logging.getLogger("PIL").addHandler(logging.NullHandler())  # without a handler, Python prints errors
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", module=r"PIL\.")


def part_from_libraries() -> None:
    """Gives ``sys.stderr`` a file descriptor of its own, so that what native code writes can be told from it.

    Does nothing if standard error is none of the process's file descriptors.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stderr = sys.stderr
        if stderr.fileno() != _STANDARD_ERROR:
            return
        stderr.flush()
        sys.stderr = io.TextIOWrapper(
            open(os.dup(_STANDARD_ERROR), "wb", buffering=0),  # noqa: SIM115 - open as long as the process
            encoding=stderr.encoding,
            errors=stderr.errors,
            write_through=True,
        )


@contextlib.contextmanager
def decoder_lines(image: Image.Image) -> Iterator[list[str]]:
    """Collects what libtiff writes to standard error while it decodes an image in the body.

    Only after `part_from_libraries`: otherwise the lines of other threads would be taken as well. Other decoders write
    none. Threads decode with libtiff one after the other, as nothing tells whose line is whose.

    Args:
        image: The image that is decoded.

    Yields:
        A list that is filled when the body has ended.
    """
    lines: list[str] = []
    if not any(tile[0] == "libtiff" for tile in getattr(image, "tile", ())) or not _is_parted():
        yield lines
        return
    with _redirecting, tempfile.TemporaryFile() as stream:
        before = os.dup(_STANDARD_ERROR)
        os.dup2(stream.fileno(), _STANDARD_ERROR)
        try:
            yield lines
        finally:
            os.dup2(before, _STANDARD_ERROR)
            os.close(before)
            stream.seek(0)
            written = stream.read(1 << 16).decode("utf-8", "replace").splitlines()
            lines += _shortened(written)


def _is_parted() -> bool:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return sys.stderr.fileno() != _STANDARD_ERROR
    return False


def _shortened(written: list[str]) -> list[str]:
    if not written:
        return []
    first = written[0].strip()[:_SHOWN_CHARACTERS]
    more = f", and {len(written) - 1} more like it" if len(written) > 1 else ""
    return [f"the decoder says: {first}{more}"]
