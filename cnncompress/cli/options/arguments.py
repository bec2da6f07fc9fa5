"""Splits arguments into inputs and output; refuses terminals."""

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
from cnncompress.files.kinds import STANDARD_STREAM
from cnncompress.images.formats import OUTPUT_FORMATS, output_format

_STANDARD_OUTPUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
"""Names of standard output. While a command runs they lead to standard error, see `reserve_standard_output`."""


@dataclass(frozen=True)
class OutputNames:
    """File names that a command accepts as outputs.

    Attributes:
        operation: What the command does.
        ending: Ending of decompressed images, without the dot, if chosen by an option; then any name is accepted.
    """

    operation: Operation
    ending: str | None = None

    @property
    def endings(self) -> tuple[str, ...]:
        """Usual endings of outputs, without the dot."""
        return (CNC,) if self.operation == "compress" else OUTPUT_FORMATS

    def are_shown_by(self, name: str) -> bool:
        """Checks whether a name has the ending of an output."""
        if self.operation == "compress":
            return name.lower().endswith(f".{CNC}")
        return output_format(name) is not None

    def include(self, name: str) -> bool:
        """Checks whether a name has no ending and would be accepted as the argument of ``-o``."""
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
    """Splits arguments into inputs and output.

    ``-o`` and ``-c`` take precedence. Without them and without ``-d``, the second of two arguments is the output if it
    has the ending of an output, is ``-``, ``/dev/stdout`` or ``/dev/null``. Otherwise all arguments are inputs.

    Args:
        paths: All arguments.
        names: Names that are accepted as outputs.
        output: Value of ``-o``.
        stdout: Whether ``-c`` is given.
        folder: Value of ``-d``.
        listed: Whether there are further inputs in a list.
        recursive: Whether ``-r`` is given.

    Returns:
        The inputs, and the single output, if there is one.

    Raises:
        click.UsageError: Several options name the output, or an argument in the place of the output is a folder.
        FileError: The second of two arguments neither exists nor has the ending of an output.
    """
    given = [name for name, used in (("-o", output is not None), ("-c", stdout), ("-d", folder is not None)) if used]
    if len(given) > 1:
        raise click.UsageError(f"{given[0]} and {given[1]} exclude each other.")
    if given:
        return tuple(paths), STANDARD_STREAM if stdout or output in _STANDARD_OUTPUT else output
    if not recursive and len(paths) + listed > 1 and paths and is_folder(paths[-1]):
        last = printable(shlex.quote(paths[-1]))
        raise click.UsageError(f"{last} is a folder: -d {last} writes into it, -r searches it.")
    if len(paths) == 2 and not listed:
        if paths[1] in _STANDARD_OUTPUT:
            return (paths[0],), STANDARD_STREAM
        if paths[1] in (STANDARD_STREAM, os.devnull) or names.are_shown_by(paths[1]):
            return (paths[0],), paths[1]
        if not _is_there(paths[1]):
            raise FileError(paths[1], UnreadableImage(f"no such file or directory; {_hint(paths[0], paths[1], names)}"))
    return tuple(paths), None


def is_folder(name: str) -> bool:
    """Checks whether a path is a folder."""
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):  # not a valid path
        return False


def _is_there(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # not a valid path
        return False


def _hint(first: str, second: str, names: OutputNames) -> str:
    """Returns a hint how to make the second of two arguments, which does not exist, the output."""
    if is_folder(first) or second.endswith(("/", os.sep)):
        return f"to write into it, use -d {shlex.quote(second)}"
    if names.include(second):
        return f"to write to it, use -o {shlex.quote(second)}"
    return f"as an output it would end in {', '.join(f'.{ending}' for ending in names.endings)}"


def check_standard_streams(inputs: Sequence[str], target: str | None, *, force: bool) -> None:
    """Checks that no binary data is read from or written to a terminal.

    Args:
        inputs: All inputs.
        target: The single output, if there is one.
        force: Whether binary data may be written to a terminal.

    Raises:
        click.UsageError: An input is standard input and that is a terminal, or the output is standard output, that is a
            terminal, and ``force`` is not set.
    """
    if target == STANDARD_STREAM and not force and sys.stdout is not None and sys.stdout.isatty():
        raise click.UsageError("Standard output is a terminal; redirect it, or use -f to write to it anyway.")
    if STANDARD_STREAM in inputs and sys.stdin is not None and sys.stdin.isatty():
        raise click.UsageError("Standard input is a terminal; redirect it, or name a file.")
