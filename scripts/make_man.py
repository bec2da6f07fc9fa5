"""Writes the manual pages in docs/man with click-man, from the help texts; `man docs/man/cnncompress.1` shows one."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click_man.core import write_man_pages

from cnncompress import __version__
from cnncompress.cli.main import program

ROOT = Path(__file__).parents[1]


@click.command(context_settings={"show_default": True})
@click.option("-o", "--output-dir", type=click.Path(path_type=Path), default=ROOT / "docs" / "man", help="Folder.")
def main(output_dir: Path) -> None:
    """Write a page for the program and one for each of its commands."""
    output_dir.mkdir(parents=True, exist_ok=True)
    for variable in [name for name in os.environ if name.startswith("CNNCOMPRESS_")]:
        del os.environ[variable]  # would be shown as defaults
    context = click.Context(program, info_name="cnncompress")
    commands = {name: program.get_command(context, name) for name in program.list_commands(context)}
    # click-man looks for commands that are there, and the program's are imported when they are asked for.
    whole = click.Group(
        "cnncompress",
        {name: command for name, command in commands.items() if command is not None},
        params=program.params,
        help=program.help,
        subcommand_metavar=program.subcommand_metavar,
    )
    write_man_pages("cnncompress", whole, version=__version__, target_dir=str(output_dir), date=__version__)


if __name__ == "__main__":
    main()
