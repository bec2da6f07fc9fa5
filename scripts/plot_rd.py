"""Draws rate-distortion curves of results measured earlier, with published ones if wanted."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cnncompress.errors import CnncompressError
from cnncompress.evaluation.curves import mean_curve, read_published
from cnncompress.evaluation.metrics import METRICS, PSNR, find_metric
from cnncompress.evaluation.plot import plot_curves
from cnncompress.evaluation.results import merge, read_results


@click.command(context_settings={"show_default": True})
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="SVG or PNG to write.")
@click.option(
    "--metric",
    type=click.Choice([metric.name for metric in METRICS]),
    default=PSNR.name,
    help="What to draw over the rate.",
)
@click.option("--codec", "codec_names", multiple=True, help="Only this codec; may be repeated.")
@click.option("--max-bpp", default=2.0, type=click.FloatRange(min=0, min_open=True), help="Right end of the plot.")
@click.option("--title", help="Above the plot, e.g. the data set.")
@click.option("--anchors", type=click.Path(path_type=Path), help="Published curves to add (JSON).")
@click.option("--anchor", "anchor_names", multiple=True, help="Only this published curve; may be repeated.")
def main(
    results: tuple[Path, ...],
    output: Path,
    metric: str,
    codec_names: tuple[str, ...],
    max_bpp: float,
    title: str | None,
    anchors: Path | None,
    anchor_names: tuple[str, ...],
) -> None:
    """Draw the mean curves of RESULTS, JSON files of evaluate.py on the same images."""
    try:
        drawn = find_metric(metric)
        measured = merge([read_results(path) for path in results])
        codecs = [measured.codec(name) for name in codec_names] or measured.codecs
        published = read_published(anchors, anchor_names) if anchors else ()
        curves = [
            *(mean_curve(codec, drawn) for codec in codecs),
            *(curve for curve in published if curve.metric == drawn),
        ]
        plot_curves(curves, output, max_bpp=max_bpp, title=title)
    except CnncompressError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
