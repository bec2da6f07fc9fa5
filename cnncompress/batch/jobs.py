"""One file's work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["compress", "decompress", "test", "copy"]


@dataclass(frozen=True)
class Job:
    """What is to be done with a file.

    Attributes:
        action: the work.
        source: path of the input, ``-`` for standard input.
        target: path of the output, ``-`` for standard output; empty if there is none.
        replace: whether an output that is there may be replaced.
        new_folders: whether the folders of the output are made.
        record: whether a .cnc file notes what it was made from.
    """

    action: Action
    source: str
    target: str = ""
    replace: bool = False
    new_folders: bool = False
    record: bool = False
