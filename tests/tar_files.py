"""Tar archives of a few small files."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping


def tar_of(contents: Mapping[str, bytes], *folders: str) -> bytes:
    """An archive of folders, and of files by their names."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in folders:
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_700_000_000
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()
