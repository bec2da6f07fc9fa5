"""Options for messages: verbosity, progress, JSON."""

from __future__ import annotations

from dataclasses import dataclass

import click

from cnncompress.batch.request import Shard
from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import option_group, section
from cnncompress.cli.terminal import is_terminal
from cnncompress.files.kinds import STANDARD_STREAM

_option = section("Messages")

_SHARD_FIELD = "{shard}"


@dataclass(frozen=True)
class MessageOptions:
    """Values of the *Messages* options."""

    quiet: bool
    verbose: int
    progress: bool | None
    json: bool
    json_file: str | None

    @property
    def shows_progress(self) -> bool:
        """Whether progress is shown on standard error."""
        return not self.quiet and is_terminal() if self.progress is None else self.progress

    def log_path(self, shard: Shard | None) -> str | None:
        """Returns the path of the JSON file, with ``{shard}`` replaced by the index of the shard."""
        if shard is None or self.json_file is None:
            return self.json_file
        return self.json_file.replace(_SHARD_FIELD, str(shard.index))

    def check(self, *, stdout_taken: bool, sharded: bool = False) -> None:
        """Checks that the options can be combined.

        Args:
            stdout_taken: Whether the output of the command is standard output.
            sharded: Whether the run is one of several shards.

        Raises:
            click.UsageError: Two options exclude each other, or one needs another.
        """
        if self.quiet and self.verbose:
            raise click.UsageError("--quiet and -v exclude each other.")
        if self.json and stdout_taken:
            raise click.UsageError("Standard output cannot take both the output and --json; use --json-file.")
        if self.json_file == STANDARD_STREAM:
            raise click.UsageError("--json-file needs a file; --json writes to standard output.")
        if _SHARD_FIELD in (self.json_file or "") and not sharded:
            raise click.UsageError(f"{_SHARD_FIELD} in --json-file needs --shard.")


message_options = option_group(
    "messages",
    MessageOptions,
    _option("--quiet", is_flag=True, help="Print errors only."),
    _option(
        "-v", "--verbose", count=True, brief=True, help="Print a line for each file; -vv: also tracebacks of errors."
    ),
    _option("--progress/--no-progress", default=None, help="Show a progress bar; by default only on a terminal."),
    _option("--json", is_flag=True, help="Print a JSON object for each file, and a summary, on standard output."),
    _option(
        "--json-file",
        metavar="FILE",
        type=FileName(),
        help="Write the JSON of --json to FILE, which -f replaces if it exists; a run with --skip-existing or --newer "
        "appends to it. With --shard, {shard} in the name is replaced by the shard's index.",
    ),
)
