"""What a command line asks for, before any file is looked at."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Operation = Literal["compress", "decompress", "test"]
"""What is done with the files."""


class Existing(enum.Enum):
    """What becomes of an output that is there already."""

    REFUSE = "refuse"
    REPLACE = "replace"
    SKIP = "skip"
    UPDATE = "update"
    """Replaced if its input is newer, else skipped."""


@dataclass(frozen=True)
class Inputs:
    """Which files.

    Attributes:
        paths: files, folders, and ``-`` for standard input, as they were named.
        recursive: whether folders are gone through.
        include: patterns, one of which a file found in a folder must match; none lets every file pass.
        exclude: patterns of files and folders that are passed over in folders.
    """

    paths: tuple[str, ...]
    recursive: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outputs:
    """Where to.

    Attributes:
        file: the one output, ``-`` for standard output; None for one beside each input or in the folder.
        folder: folder of all outputs.
        root: what the paths of inputs are relative to below the folder; by default the folder that they were found in.
        flat: whether outputs go into the folder itself, without sub-folders.
        append_suffix: whether the ending is put behind that of the input instead of in its place.
        ending: of decompressed images, without the point; None for png, and for stored originals their own.
        existing: what becomes of outputs that are there.
        copy_others: whether files that are no inputs are copied into the folder.
    """

    file: str | None = None
    folder: Path | None = None
    root: Path | None = None
    flat: bool = False
    append_suffix: bool = False
    ending: str | None = None
    existing: Existing = Existing.REFUSE
    copy_others: bool = False


@dataclass(frozen=True)
class Request:
    """The files of a command line."""

    operation: Operation
    inputs: Inputs
    outputs: Outputs
