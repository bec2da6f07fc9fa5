"""``cnncompress plot``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from cnncompress.batch.collisions import refuse_inputs_as_outputs
from cnncompress.cli.exit_codes import working_on
from cnncompress.cli.options.groups import SectionCommand, refuse_without, section
from cnncompress.errors import MissingPackage
from cnncompress.evaluation.names import METRICS
from cnncompress.files.outputs import check_output

_option = section("Options")


@click.command(
    "plot", cls=SectionCommand, context_settings={"show_default": True}, short_help="Draw the results of eval."
)
@click.argument("results", metavar="RESULTS...", nargs=-1, required=True, type=click.Path(path_type=Path))
@_option("-o", "--output", required=True, brief=True, type=click.Path(path_type=Path), help="SVG or PNG to write.")
@_option("-f", "--force", brief=True, is_flag=True, help="Replace the output if it exists.")
@_option(
    "--metric",
    brief=True,
    default="psnr",
    type=click.Choice(METRICS),
    help="Metric to draw over the rate.",
)
@_option("--codec", "codec_names", brief=True, multiple=True, help="Only this codec; may be repeated.")
@_option(
    "--max-bpp",
    brief=True,
    default=2.0,
    type=click.FloatRange(min=0, min_open=True),
    help="Right end of the rate axis.",
)
@_option("--title", help="Title of the plot.")
@_option("--anchors", type=click.Path(path_type=Path), help="Published curves to add (JSON).")
@_option("--anchor", "anchor_names", multiple=True, help="Only this published curve; may be repeated.")
@click.pass_context
def command(
    ctx: click.Context,
    results: tuple[Path, ...],
    output: Path,
    force: bool,
    metric: str,
    codec_names: tuple[str, ...],
    max_bpp: float,
    title: str | None,
    anchors: Path | None,
    anchor_names: tuple[str, ...],
) -> None:
    """Draw the mean curves of RESULTS, JSON files of "cnncompress eval" on the same images.

    \b
    Examples:
      cnncompress plot results.json -o rd.svg
      cnncompress plot results.json -o rd.png --metric ssimulacra2

    Needs matplotlib: pip install 'cnncompress[eval]'.
    """
    with working_on(str(output)):
        check_output(str(output), force=force)
    if anchors is None:
        refuse_without(ctx, ("anchor_names",), "--anchors")
    refuse_inputs_as_outputs([*map(str, results), *([] if anchors is None else [str(anchors)])], [str(output)])
    from cnncompress.evaluation.curves import mean_curve, read_published
    from cnncompress.evaluation.metrics import INSTALL, find_metric
    from cnncompress.evaluation.results import merge, read_results

    drawn = find_metric(metric)
    measured = merge([read_results(path) for path in results])
    codecs = [measured.codec(name) for name in codec_names] or measured.codecs
    published = read_published(anchors, anchor_names) if anchors else ()
    curves = [
        *(mean_curve(codec, drawn) for codec in codecs),
        *(curve for curve in published if curve.metric == drawn),
    ]
    if find_spec("matplotlib") is None:
        raise MissingPackage(f"plots need matplotlib: {INSTALL}")
    from cnncompress.evaluation.plot import plot_curves

    plot_curves(curves, output, max_bpp=max_bpp, title=title, force=force)
