"""``cnncompress help``."""

from __future__ import annotations

import click

from cnncompress.cli.options.groups import SectionCommand


@click.command("help", cls=SectionCommand, hidden=True, short_help="Show the help text of a command.")
@click.argument("name", metavar="[COMMAND]", required=False)
@click.pass_context
def command(ctx: click.Context, name: str | None) -> None:
    """Show the help text of a command, or that of the program.

    \b
    Examples:
      cnncompress help
      cnncompress help compress
    """
    root = ctx.find_root()
    program = root.command
    if name is None or not isinstance(program, click.Group):
        click.echo(root.get_help())
        return
    _, wanted, _ = program.resolve_command(root, [name])
    if wanted is not None:
        click.echo(wanted.get_help(click.Context(wanted, parent=root, info_name=name)))
