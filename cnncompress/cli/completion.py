"""``cnncompress completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from cnncompress.cli.options.groups import SectionCommand

SHELLS = ("bash", "zsh", "fish")

_VARIABLE = "_CNNCOMPRESS_COMPLETE"


@click.command("completion", cls=SectionCommand, short_help="Print a shell completion script.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a script that lets a shell complete commands, options and file names.

    \b
    Examples:
      cnncompress completion bash >> ~/.bash_completion
      cnncompress completion zsh > ~/.zfunc/_cnncompress
      cnncompress completion fish > ~/.config/fish/completions/cnncompress.fish
    """
    complete = get_completion_class(shell)
    if complete is None:
        raise click.UsageError(f"This release of click cannot complete for {shell}.")
    click.echo(complete(ctx.find_root().command, {}, "cnncompress", _VARIABLE).source())
