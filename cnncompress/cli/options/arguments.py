"""Which of the arguments is the output, and none of them a terminal."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import click

from cnncompress.batch.inputs import CNC
from cnncompress.batch.request import Operation
from cnncompress.cli.console import printable
from cnncompress.cli.exit_codes import FileError
from cnncompress.errors import UnreadableImage
from cnncompress.files import STANDARD_STREAM
from cnncompress.images.formats import OUTPUT_FORMATS, output_format

_STANDARD_OUTPUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
"""Standard output by name. While a command runs, that name means standard error: nothing but data may go out."""


@dataclass(frozen=True)
class OutputNames:
    """How the outputs of a command may be called.

    Attributes:
        operation: what the command does.
        ending: of decompressed images, if it was chosen: the names may be any then.
    """

    operation: Operation
    ending: str | None = None

    @property
    def endings(self) -> tuple[str, ...]:
        """The usual endings, without the point."""
        return (CNC,) if self.operation == "compress" else OUTPUT_FORMATS

    def are_shown_by(self, name: str) -> bool:
        """Whether a name looks like one of an output."""
        if self.operation == "compress":
            return name.lower().endswith(f".{CNC}")
        return output_format(name) is not None

    def include(self, name: str) -> bool:
        """Whether a name without an ending would do where it is said to be the output."""
        return not PurePath(name).suffix and (self.operation == "compress" or self.ending is not None)


def split_output(
    paths: Sequence[str],
    names: OutputNames,
    *,
    output: str | None,
    stdout: bool,
    folder: str | None,
    listed: bool,
    recursive: bool,
) -> tuple[tuple[str, ...], str | None]:
    """Finds out where inputs end and the output begins.

    ``-o`` and ``-c`` always win. Without them, and without ``-d``, the second of two arguments is the output if it
    looks like one or is ``-``; else all are inputs.

    Args:
        paths: all arguments.
        names: how outputs may be called.
        output: ``-o``.
        stdout: ``-c``.
        folder: ``-d``.
        listed: whether there are inputs in a list besides.
        recursive: ``-r``.

    Returns:
        The inputs, and the output if there is only one.

    Raises:
        click.UsageError: more than one way of naming the output, or a folder in the place of one.
        FileError: two arguments, of which the second neither exists nor looks like an output.
    """
    given = [name for name, used in (("-o", output is not None), ("-c", stdout), ("-d", folder is not None)) if used]
    if len(given) > 1:
        raise click.UsageError(f"{given[0]} and {given[1]} exclude each other.")
    if given:
        return tuple(paths), STANDARD_STREAM if stdout or output in _STANDARD_OUTPUT else output
    if not recursive and len(paths) + listed > 1 and paths and is_folder(paths[-1]):
        last = printable(shlex.quote(paths[-1]))
        raise click.UsageError(f"{last} is a folder: -d {last} writes into it, -r goes through it.")
    if len(paths) == 2 and not listed:
        if paths[1] == STANDARD_STREAM or names.are_shown_by(paths[1]):
            return (paths[0],), paths[1]
        if not _is_there(paths[1]):
            raise FileError(paths[1], UnreadableImage(f"no such file or directory; {_hint(paths[0], paths[1], names)}"))
    return tuple(paths), None


def is_folder(name: str) -> bool:
    """Whether a name is that of a folder."""
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _is_there(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _hint(first: str, second: str, names: OutputNames) -> str:
    """Returns how the second of two arguments, which is not there, is made the output."""
    if is_folder(first) or second.endswith(("/", os.sep)):
        return f"to write into it, use -d {shlex.quote(second)}"
    if names.include(second):
        return f"to write to it, use -o {shlex.quote(second)}"
    return f"as an output it would end in {', '.join(f'.{ending}' for ending in names.endings)}"


def check_standard_streams(inputs: Sequence[str], target: str | None, *, force: bool) -> None:
    """Refuses binary data from and to a terminal.

    Raises:
        click.UsageError: standard input is an input and a terminal, or standard output is an output, a terminal, and
            ``force`` is not set.
    """
    if target == STANDARD_STREAM and not force and sys.stdout is not None and sys.stdout.isatty():
        raise click.UsageError("Standard output is a terminal; redirect it, or use -f to write to it all the same.")
    if STANDARD_STREAM in inputs and sys.stdin is not None and sys.stdin.isatty():
        raise click.UsageError("Standard input is a terminal; redirect it, or name a file.")
