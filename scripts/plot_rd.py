"""Draw rate-distortion curves of results measured earlier, with published ones if wanted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import click

from cnncompress.errors import CnncompressError
from cnncompress.evaluation.curves import mean_curve, read_published
from cnncompress.evaluation.plot import Metric, plot_curves
from cnncompress.evaluation.results import merge, read_results


@click.command(context_settings={"show_default": True})
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="SVG or PNG to write.")
@click.option("--metric", type=click.Choice(get_args(Metric)), default="psnr", help="What to draw over the rate.")
@click.option("--max-bpp", default=2.0, type=click.FloatRange(min=0, min_open=True), help="Right end of the plot.")
@click.option("--title", help="Above the plot, e.g. the data set.")
@click.option("--anchors", type=click.Path(path_type=Path), help="Published curves to add (JSON).")
@click.option("--anchor", "anchor_names", multiple=True, help="Only this published curve; may be repeated.")
def main(
    results: tuple[Path, ...],
    output: Path,
    metric: Metric,
    max_bpp: float,
    title: str | None,
    anchors: Path | None,
    anchor_names: tuple[str, ...],
) -> None:
    """Draw the mean curves of RESULTS, JSON files of evaluate.py on the same images."""
    try:
        measured = [mean_curve(codec) for codec in merge([read_results(path) for path in results]).codecs]
        published = read_published(anchors, anchor_names) if anchors else ()
        plot_curves([*measured, *published], output, metric=metric, max_bpp=max_bpp, title=title)
    except CnncompressError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
