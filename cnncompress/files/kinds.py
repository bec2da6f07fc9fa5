"""Tells files, streams and devices apart, and words system errors."""

from __future__ import annotations

from pathlib import Path

STANDARD_STREAM = "-"


def reason(error: Exception) -> str:
    """Returns the system's description of an error, without the file name."""
    text = str(getattr(error, "strerror", None) or error)
    return text[:1].lower() + text[1:]


def is_special(path: Path) -> bool:
    """Checks whether a path is a device, pipe or socket."""
    return path.exists() and not path.is_file() and not path.is_dir()


def is_stream(path: Path) -> bool:
    """Checks whether a path is a device, pipe, socket or open descriptor, to be written to directly."""
    if is_special(path):
        return True
    # /dev/stdout and similar links are names of open descriptors, and must not be replaced by a file.
    folder = path.parent.resolve()
    return path.is_symlink() and (folder == Path("/dev") or Path("/proc") in folder.parents)
