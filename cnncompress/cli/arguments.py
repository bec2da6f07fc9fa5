"""Which of the arguments is the output, and none of them a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from cnncompress.cli.endings import FileError
from cnncompress.errors import UnreadableImage
from cnncompress.files import STANDARD_STREAM


def split_output(
    paths: Sequence[str],
    is_output: Callable[[str], bool],
    *,
    output: str | None,
    stdout: bool,
    folder: str | None,
    listed: bool,
) -> tuple[tuple[str, ...], str | None]:
    """Finds out where inputs end and the output begins.

    ``-o`` and ``-c`` always win. Without them, and without ``-d``, the second of two arguments is the output if it
    looks like one or is ``-``; else all are inputs.

    Args:
        paths: all arguments.
        is_output: whether a name looks like an output.
        output: ``-o``.
        stdout: ``-c``.
        folder: ``-d``.
        listed: whether there are inputs in a list besides.

    Returns:
        The inputs, and the output if there is only one.

    Raises:
        click.UsageError: more than one way of naming the output.
        FileError: two arguments, of which the second neither exists nor looks like an output.
    """
    given = [name for name, used in (("-o", output is not None), ("-c", stdout), ("-d", folder is not None)) if used]
    if len(given) > 1:
        raise click.UsageError(f"{given[0]} and {given[1]} exclude each other.")
    if given:
        return tuple(paths), STANDARD_STREAM if stdout else output
    if len(paths) == 2 and not listed:
        if paths[1] == STANDARD_STREAM or is_output(paths[1]):
            return (paths[0],), paths[1]
        if not _is_there(paths[1]):
            hint = f"no such file or directory; to write to it, use -o {paths[1]}"
            raise FileError(paths[1], UnreadableImage(hint))
    return tuple(paths), None


def _is_there(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


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
