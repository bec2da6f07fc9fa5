"""Outputs: their names, and the folders that they go to."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from cnncompress.batch.inputs import CNC, Found, stays_below
from cnncompress.batch.request import Outputs
from cnncompress.errors import PlanError
from cnncompress.images.formats import is_image_ending
from cnncompress.remote import is_url, plain_url

DEFAULT_ENDING = "png"

_CNC_ENDING = f".{CNC}"


def compressed_name(name: str, *, append_suffix: bool) -> str:
    """Returns the name of the .cnc file of an image: ``photo.jpg`` becomes ``photo.cnc``, or ``photo.jpg.cnc``."""
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - ten times as fast
    # Any other text after a dot, as in "holiday.2024", is part of the name.
    return (name if append_suffix or not is_image_ending(ending[1:]) else stem) + _CNC_ENDING


def decompressed_name(name: str, ending: str) -> str:
    """Returns the name of the image of a .cnc file: ``photo.cnc`` becomes ``photo.png``, as does ``photo.png.cnc``."""
    if PurePath(name).suffix.lower() != _CNC_ENDING:
        return f"{name}.{ending}"
    stem = PurePath(name).stem
    return stem if PurePath(stem).suffix.lower() == f".{ending.lower()}" else f"{stem}.{ending}"


class Places:
    """Where the outputs of a run go. Folders are resolved once, as a list may have millions of files in a few."""

    def __init__(self, outputs: Outputs) -> None:
        """Resolves nothing yet.

        Args:
            outputs: Where outputs are written.
        """
        self._outputs = outputs
        self._folder = None if outputs.folder is None else os.fspath(outputs.folder)
        self._below_root: dict[str, str] = {}

    def of(self, found: Found, name: str) -> str:
        """Returns the path of an output.

        Args:
            found: The input.
            name: Name of the output, without folders.

        Raises:
            PlanError: The input is not below the root folder.
        """
        if self._folder is None:
            return join_path(os.path.split(plain_url(found.path))[0], name)
        if self._outputs.flat:
            return join_path(self._folder, name)
        return join_path(self._folder, join_path(os.path.split(self.relative(found))[0], name))

    def relative(self, found: Found) -> str:
        """Returns the path of an input relative to the root folder, or else to the folder that was searched.

        Raises:
            PlanError: The input is not below the root folder.
        """
        root = self._outputs.root
        if root is None:
            return os.fspath(found.relative)
        if is_url(found.path):
            url, top = plain_url(found.path), f"{os.fspath(root).rstrip('/')}/"
            if not url.startswith(top) or not stays_below(url[len(top) :]):
                raise PlanError(f"{url} is not below {root}, the folder of --root")
            return url[len(top) :]
        # Only the folder is resolved: the file itself may be a link to any other place.
        folder, name = os.path.split(found.path)
        if folder not in self._below_root:
            try:
                below = Path(folder).resolve().relative_to(Path(root).resolve())
            except ValueError:
                raise PlanError(f"{found.path} is not below {root}, the folder of --root") from None
            self._below_root[folder] = os.fspath(below)
        return join_path(self._below_root[folder], name)


def join_path(folder: str, name: str) -> str:
    """Returns the path of a name in a folder, which may be a URL."""
    if is_url(folder):
        return f"{folder.rstrip('/')}/{name.replace(os.sep, '/')}"
    return name if folder in ("", ".") else os.path.join(folder, name)  # noqa: PTH118 - ten times as fast
