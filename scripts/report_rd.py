"""Prints the tables of results measured earlier, several files side by side."""

from __future__ import annotations

from pathlib import Path

import click

from cnncompress.cli.exit_codes import exit_codes
from cnncompress.evaluation.curves import read_published
from cnncompress.evaluation.markdown import bd_rate_markdown, curve_markdown
from cnncompress.evaluation.plain_text import compared_codec, format_results
from cnncompress.evaluation.results import merge, read_results


@click.command(context_settings={"show_default": True})
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--of", metavar="CODEC", help="The codec that is compared with the others.  [default: cnc]")
@click.option(
    "--markdown", is_flag=True, help="Print the tables of README and model cards: BD-rates, and the codec's curve."
)
@click.option("--anchors", type=click.Path(path_type=Path), help="Published curves to compare with (JSON).")
@click.option("--anchor", "anchor_names", multiple=True, help="Only this published curve; may be repeated.")
def main(
    results: tuple[Path, ...], of: str | None, markdown: bool, anchors: Path | None, anchor_names: tuple[str, ...]
) -> None:
    """Print mean curves, BD-rates and times of RESULTS, JSON files of "cnncompress eval" on the same images."""
    with exit_codes():
        measured = merge([read_results(path) for path in results])
        if markdown:
            codec = compared_codec(measured, of)
            click.echo(f"{bd_rate_markdown(measured, codec)}\n\n{curve_markdown(codec)}")
        else:
            published = read_published(anchors, anchor_names) if anchors else ()
            click.echo(format_results(measured, published, of))


if __name__ == "__main__":
    main()
