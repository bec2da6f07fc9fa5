"""The command ``cnncompress``: loads the sub-command, runs it, and sets the exit code."""

from __future__ import annotations

import difflib
import importlib
import shlex
import signal
from collections.abc import Sequence
from pathlib import PurePath
from types import FrameType
from typing import Any, NoReturn

import click

from cnncompress.cli.console import open_missing_streams, printable, reserve_standard_output
from cnncompress.cli.exit_codes import exit_codes
from cnncompress.cli.version import show_version
from cnncompress.images.remarks import part_from_libraries, silence_pillow

SIGTERM_EXIT_CODE = 143

# Each is a module of this package with a function `command`.
COMMANDS = (
    "compress", "decompress", "info", "view", "test", "compare", "report", "models", "train", "eval", "plot", "bench",
    "completion",
)  # fmt: skip

# Known from other programs, or called by them; not in the help text.
HIDDEN_COMMANDS = ("help", "thumbnail")


class LazyGroup(click.Group):
    """A group that imports a command only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the commands in the order of the help text."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Returns a command; None if there is no command of that name."""
        if cmd_name not in (*COMMANDS, *HIDDEN_COMMANDS):
            return None
        command: click.Command = importlib.import_module(f"cnncompress.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Returns the command named by the first argument, or fails with what to type instead."""
        if args[0] not in (*COMMANDS, *HIDDEN_COMMANDS) and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}.{_advice(args[0])}")
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parses the command line, and prints help or version if requested."""
        with exit_codes():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        with exit_codes():
            return super().invoke(ctx)


def _advice(word: str) -> str:
    """Returns what to type instead of a word that is not a command; empty if that cannot be guessed."""
    from cnncompress.cli.options.arguments import is_folder
    from cnncompress.images.formats import is_image_ending

    quoted = printable(shlex.quote(word))
    ending = PurePath(word).suffix[1:].lower()
    if ending == "cnc":
        return f" To decompress it: cnncompress decompress {quoted}"
    if is_image_ending(ending):
        return f" To compress it: cnncompress compress {quoted}"
    near = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=0.7)
    if near:
        return f" Did you mean {near[0]!r}?"
    return f" To compress the images in it: cnncompress compress -r {quoted}" if is_folder(word) else ""


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, subcommand_metavar="COMMAND ...")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    is_eager=True,
    help="With --version: also the versions of libraries, devices and models.",
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    expose_value=False,
    callback=show_version,
    help="Show the version and exit.",
)
def program(verbose: bool) -> None:
    """Compress images with a convolutional autoencoder.

    \b
    Examples:
      cnncompress compress photo.jpg                       makes photo.cnc
      cnncompress compress -r photos -d archive -q 80
      cnncompress decompress photo.cnc photo.png
      cnncompress info photo.cnc

    INPUT or OUTPUT may be "-" for standard input or output.
    """


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and ends the process.

    Args:
        args: Arguments of the command line; by default those of the process.
    """
    signal.signal(signal.SIGTERM, _terminate)
    open_missing_streams()
    reserve_standard_output()
    part_from_libraries()
    silence_pillow()
    program.main(args, prog_name="cnncompress")


def _terminate(signum: int, frame: FrameType | None) -> None:
    # Raise an exception instead of ending at once, so that unfinished outputs are removed.
    raise SystemExit(SIGTERM_EXIT_CODE)
