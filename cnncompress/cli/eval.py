"""``cnncompress eval``."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import click

from cnncompress.cli.options.types import Names, Qualities
from cnncompress.codec.encode_settings import CodingChoice
from cnncompress.errors import MissingPackage
from cnncompress.files import check_output

CODECS = "cnc,jpeg,webp,jxl,avif,avif-psnr,avif-slow,avif-psnr-slow,jpeg2000"
METRICS = "psnr,ms-ssim,ssimulacra2,cvvdp"


@click.command(
    "eval", context_settings={"show_default": True}, short_help="Measure rate and quality of codecs on images."
)
@click.argument("images", metavar="IMAGES...", nargs=-1, required=True)
@click.option("--codecs", default=CODECS, type=Names(), help="Codecs to measure now, in this order.")
@click.option("--metrics", default=METRICS, type=Names(), help="What quality is measured by.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the measurements here.")
@click.option("--qualities", type=Qualities(), help="Qualities of cnc instead of 0,10,...,100.")
@click.option("--points", type=click.IntRange(min=2), help="At most so many qualities of each peer, evenly spread.")
@click.option("--model", metavar="NAME|PATH", help="Weights of cnc instead of the default model.")
@click.option("--label", default="cnc", help="Name of cnc in the results, to set models side by side.")
@click.option("--coding", default="auto", type=click.Choice(["auto", "learned", "avif"]), help="Of cnc.")
@click.option("--device", default="auto", help="Where cnc runs.")
@click.option("--anchors", type=click.Path(path_type=Path), help="Published curves to compare with (JSON).")
@click.option("--anchor", "anchor_names", multiple=True, help="Only this published curve; may be repeated.")
@click.option(
    "--codecs-from",
    "reused",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Add the codecs of earlier results on the same images, except those measured now.",
)
@click.option("--threads", default=1, help="Threads that every codec is held to.")
@click.option(
    "--data", envvar="CNNCOMPRESS_DATA", type=click.Path(path_type=Path), show_envvar=True, help="Folder of data sets."
)
def command(
    images: tuple[str, ...],
    codecs: tuple[str, ...],
    metrics: tuple[str, ...],
    json_path: Path | None,
    qualities: tuple[float, ...] | None,
    points: int | None,
    model: str | None,
    label: str,
    coding: CodingChoice,
    device: str,
    anchors: Path | None,
    anchor_names: tuple[str, ...],
    reused: tuple[Path, ...],
    threads: int,
    data: Path | None,
) -> None:
    """Measure codecs on IMAGES: files, folders, or names of data sets (kodak) in $CNNCOMPRESS_DATA/eval.

    \b
    Examples:
      cnncompress eval photographs --json results.json
      cnncompress eval photographs --codecs cnc,avif-psnr --points 5 --metrics psnr
      cnncompress plot results.json -o rd.svg

    Prints mean rate and quality of every codec, BD-rates, and times; all codecs and all metrics take hours. Needs the
    packages of the extra: pip install 'cnncompress[eval]'.
    """
    if find_spec("scipy") is None:
        raise MissingPackage("BD-rates need scipy: pip install 'cnncompress[eval]'")
    from cnncompress.evaluation.environment import limit_threads

    try:
        limit_threads(threads)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    # After the threads are limited: the codecs' libraries count processors when they are loaded.
    from tqdm import tqdm

    from cnncompress.evaluation import curves, peers, plain_text, rd, results, sources
    from cnncompress.evaluation.metrics import Scorer, find_metric

    # Everything that can fail early does, before hours of measuring.
    chosen = [
        peers.find_codec(
            name, model=model, device=device, qualities=qualities or (), label=label, coding=coding, points=points
        )
        for name in codecs
    ]
    scorer = Scorer([find_metric(name) for name in metrics])
    published = curves.read_published(anchors, anchor_names) if anchors else ()
    paths = sources.find_images(images, data)
    measured_now = [codec.name for codec in chosen]
    everything = results.merge([results.read_results(path).without(measured_now) for path in reused])
    results.require_images(everything, [sources.image_name(path) for path in paths])
    if json_path:
        check_output(str(json_path), force=True)
    for codec in chosen:
        with tqdm(total=len(paths) * len(codec.qualities), desc=codec.name, file=sys.stderr) as bar:
            measured = rd.measure_codec(codec, paths, scorer, bar.update)
        everything = results.merge([everything, results.Results((measured,))])
        if json_path:  # after each codec, so that an interrupted run keeps what it has
            results.write_results(everything, json_path)
    click.echo(plain_text.format_results(everything, published, label if label in measured_now else None))
