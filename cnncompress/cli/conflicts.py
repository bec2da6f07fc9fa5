"""Options that exclude each other are an error, whichever of them would win."""

from __future__ import annotations

from collections.abc import Sequence

import click
from click.core import ParameterSource


def refuse_together(ctx: click.Context, names: Sequence[str]) -> None:
    """Refuses more than one of some options.

    Args:
        ctx: of the command.
        names: of the parameters. Their defaults, and those from the environment, do not count.

    Raises:
        click.UsageError: more than one is on the command line.
    """
    given = [name for name in names if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if len(given) > 1:
        options = {parameter.name: parameter.opts[-1] for parameter in ctx.command.params}
        raise click.UsageError(f"{options[given[0]]} and {options[given[1]]} exclude each other.")
