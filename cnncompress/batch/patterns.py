"""``--include`` and ``--exclude``: which files of a folder are meant."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePath


def matches(relative: PurePath, patterns: tuple[str, ...]) -> bool:
    """Whether a path matches one of the patterns.

    ``*``, ``?`` and ``[...]`` are as in a shell. A pattern with a slash is compared with the whole path, one without
    with the name alone.

    Args:
        relative: path below the folder that is gone through.
        patterns: any number of them.
    """
    return any(
        fnmatchcase(relative.as_posix() if "/" in pattern else relative.name, pattern.removesuffix("/"))
        for pattern in patterns
    )
