"""The request of a command line, before any file is opened."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Operation = Literal["compress", "decompress", "test"]
"""What is done with the files."""


class Existing(enum.Enum):
    """What to do if an output exists already."""

    REFUSE = "refuse"
    REPLACE = "replace"
    SKIP = "skip"
    UPDATE = "update"
    """Replace the output if its input is newer, else skip the file."""


@dataclass(frozen=True)
class Inputs:
    """Inputs of a request.

    Attributes:
        paths: Files, folders, URLs, and ``-`` for standard input, as they were named.
        recursive: Whether folders are searched.
        include: Patterns for files in folders, of which one must match; without patterns all files match.
        exclude: Patterns for files and folders in folders that are left out.
    """

    paths: tuple[str, ...]
    recursive: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outputs:
    """Outputs of a request.

    Attributes:
        file: Path or URL of the single output, ``-`` for standard output; None to write one output for each input, in
            ``folder`` or beside the input.
        folder: Folder of all outputs, a string for a URL; None for the folder of each input.
        root: Outputs keep their paths relative to this folder below ``folder``; by default relative to the folder that
            was searched.
        flat: Whether outputs are written to ``folder`` itself, without sub-folders.
        append_suffix: Whether ``.cnc`` is appended to the input's ending instead of replacing it.
        ending: Ending of decompressed images, without the dot; None for png, and for stored originals their own;
            `cnncompress.batch.cnc_files.SAME` for that of the file that was compressed.
        existing: What to do if an output exists already.
        copy_others: Whether files that are not inputs are copied into ``folder``.
    """

    file: str | None = None
    folder: Path | str | None = None
    root: Path | str | None = None
    flat: bool = False
    append_suffix: bool = False
    ending: str | None = None
    existing: Existing = Existing.REFUSE
    copy_others: bool = False


@dataclass(frozen=True)
class Shard:
    """The share of one of several tasks that divide the files of a request.

    Attributes:
        index: Number of the task, from 0.
        count: Number of tasks.
    """

    index: int
    count: int


@dataclass(frozen=True)
class TarWork:
    """How the members of a tar are processed, apart from the settings for every image.

    Attributes:
        settings: Digest of these and of those for every image, for the marker of a finished tar.
        append_suffix: Whether ``.cnc`` is appended to the ending of a member instead of replacing it.
    """

    settings: str
    append_suffix: bool = False


@dataclass(frozen=True)
class Request:
    """A command on files.

    Attributes:
        operation: What is done with the files.
        inputs: Which files are processed.
        outputs: Where outputs are written.
        shard: The share of the files that this run processes; None for all.
        tar: How the members of the inputs are processed if these are tar archives; None for other files.
        also_read: What the command reads beside the inputs, and must not write over: a list of them, a weights file.
    """

    operation: Operation
    inputs: Inputs
    outputs: Outputs
    shard: Shard | None = None
    tar: TarWork | None = None
    also_read: tuple[str, ...] = ()
