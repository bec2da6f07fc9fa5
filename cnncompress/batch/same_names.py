"""Whether two names are one file: some file systems ignore case, and some normalise letters with accents."""

from __future__ import annotations

import contextlib
import os
import unicodedata
from pathlib import Path

# Keeps the name of a probe below the limit of 255 bytes for any characters.
_MAX_CHARACTERS = 40


def folded(path: str) -> str:
    """Returns what paths have in common that any file system takes for one."""
    plain = unicodedata.normalize("NFD", path).casefold()
    return unicodedata.normalize("NFC", "/".join(part.rstrip(" .") or part for part in plain.split("/")))


def are_one_file(first: Path, second: Path) -> bool:
    """Checks whether two paths are, or would become, the same file.

    Args:
        first: A path that need not exist.
        second: Another one, whose `folded` form is the same.
    """
    with contextlib.suppress(OSError, ValueError):
        if first.exists() and second.exists():
            return first.samefile(second)
    if first == second:
        return True
    if len(first.parts) != len(second.parts):
        return False
    different = [(a, b) for a, b in zip(first.parts, second.parts, strict=True) if a != b]
    folder = _existing_folder(first)
    return folder is not None and all(_are_one_name(folder, a, b) for a, b in different)


def _existing_folder(path: Path) -> Path | None:
    for folder in path.parents:
        with contextlib.suppress(OSError, ValueError):
            if folder.is_dir():
                return folder
    return None


def _are_one_name(folder: Path, first: str, second: str) -> bool:
    """Asks the file system with an empty file that is removed at once; False if nothing can be written there."""
    start = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)
    prefix = f".cnncompress-{os.getpid()}-"
    # The letter before belongs to an accent that combines with it.
    start = max(start - 1, 0)
    names = [prefix + name[start : start + _MAX_CHARACTERS] + "_" for name in (first, second)]
    probe, other = folder / names[0], folder / names[1]
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except (OSError, ValueError):
        return False
    try:
        return os.path.lexists(other)
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
