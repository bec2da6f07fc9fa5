"""Errors of the Python interface that name the file they are about; the command line does so by itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from cnncompress.errors import BitstreamError, ImageError, LimitExceeded, OutputError, OutsideImage, UnknownModel
from cnncompress.remote import without_secrets

_ABOUT_FILES = (BitstreamError, ImageError, LimitExceeded, OutputError, OutsideImage, UnknownModel)


_Result = TypeVar("_Result")


def naming_each(sources: Iterable[object], results: Iterator[_Result]) -> Iterator[_Result]:
    """Yields results, and names the source of each in the errors that making it raises; see `naming`.

    Args:
        sources: What the results are made of.
        results: As many results, in the same order.
    """
    for source in sources:
        with naming(source):
            result = next(results)
        yield result


@contextmanager
def naming(source: object) -> Iterator[None]:
    """Puts a path in front of the message of errors that the body raises, if they are about a file.

    Args:
        source: Path of the file, or what an argument has in its place: bytes, arrays and streams have no name.

    Raises:
        CnncompressError: As raised by the body, of the same class.
    """
    try:
        yield
    except _ABOUT_FILES as error:
        if not isinstance(source, (str, os.PathLike)):
            raise
        raise type(error)(f"{without_secrets(os.fsdecode(source))}: {error}") from error
