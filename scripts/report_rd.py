"""Print the tables of results measured earlier, several files side by side."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cnncompress.errors import CnncompressError
from cnncompress.evaluation.curves import read_published
from cnncompress.evaluation.report import format_report
from cnncompress.evaluation.results import merge, read_results


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--anchors", type=click.Path(path_type=Path), help="Published curves to compare with (JSON).")
@click.option("--anchor", "anchor_names", multiple=True, help="Only this published curve; may be repeated.")
def main(results: tuple[Path, ...], anchors: Path | None, anchor_names: tuple[str, ...]) -> None:
    """Print mean curves, BD-rates and times of RESULTS, JSON files of evaluate.py on the same images."""
    try:
        published = read_published(anchors, anchor_names) if anchors else ()
        click.echo(format_report(merge([read_results(path) for path in results]), published))
    except CnncompressError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
