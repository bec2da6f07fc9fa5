"""Options about what is told of the work, and to whom."""

from __future__ import annotations

from dataclasses import dataclass

import click

from cnncompress.cli.options.groups import option_group, section

_option = section("Messages")


@dataclass(frozen=True)
class ReportOptions:
    """Values of the *Messages* options."""

    quiet: bool
    verbose: int
    progress: bool | None
    json: bool
    json_file: str | None

    def check(self, *, stdout_taken: bool) -> None:
        """Refuses options that do not go together.

        Args:
            stdout_taken: whether the output goes to standard output.

        Raises:
            click.UsageError: there are such.
        """
        if self.quiet and self.verbose:
            raise click.UsageError("--quiet and -v exclude each other.")
        if self.json and stdout_taken:
            raise click.UsageError("Standard output cannot take both the output and --json; use --json-file.")


report_options = option_group(
    "report",
    ReportOptions,
    _option("--quiet", is_flag=True, help="Nothing but errors."),
    _option("-v", "--verbose", count=True, help="A line for each file; -vv: tracebacks of errors too."),
    _option("--progress/--no-progress", default=None, help="A progress bar, by default on a terminal."),
    _option("--json", is_flag=True, help="A JSON object for each file, and a summary, on standard output."),
    _option("--json-file", metavar="FILE", help="The same to a file."),
)
