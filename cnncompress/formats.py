"""Formats that a decompressed image can be written in, by name and by file name."""

from __future__ import annotations

from pathlib import PurePath

OUTPUT_FORMATS = ("png", "ppm", "jpg", "webp", "tiff", "bmp")
FORMATS_WITH_ALPHA = ("png", "webp", "tiff")

_ALIASES = {"jpeg": "jpg", "tif": "tiff", "pgm": "ppm", "pnm": "ppm"}


def output_format(name: str) -> str | None:
    """Returns the member of :data:`OUTPUT_FORMATS` that a file name's ending stands for, or None."""
    ending = PurePath(name).suffix[1:].lower()
    ending = _ALIASES.get(ending, ending)
    return ending if ending in OUTPUT_FORMATS else None
