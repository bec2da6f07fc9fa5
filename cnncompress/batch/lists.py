"""Lists of file names: one a line, or with a NUL behind each."""

from __future__ import annotations

import os

from cnncompress.files import read_input


def read_list(source: str, *, nul: bool) -> tuple[str, ...]:
    """Reads a list of paths.

    Args:
        source: path of the list, ``-`` for standard input.
        nul: whether the names are separated by NUL, so that they may contain anything; by line feeds otherwise.

    Raises:
        UnreadableImage: the list cannot be read.
    """
    names = read_input(source).split(b"\0" if nul else b"\n")
    if not nul:  # nobody ends a name with a carriage return, but editors end lines with it
        names = [name.removesuffix(b"\r") for name in names]
    return tuple(os.fsdecode(name) for name in names if name)
