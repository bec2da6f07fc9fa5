"""``cnncompress eval``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import click

from cnncompress.batch.collisions import refuse_inputs_as_outputs
from cnncompress.cli.bars import progress_bar
from cnncompress.cli.console import say
from cnncompress.cli.exit_codes import print_error, working_on
from cnncompress.cli.lines import skipped
from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import SectionCommand, refuse_without, section
from cnncompress.cli.options.running import device_option, model_option, named_weights
from cnncompress.cli.options.types import Names, Qualities
from cnncompress.cli.terminal import is_terminal, status
from cnncompress.codec.encode_settings import CodingChoice
from cnncompress.errors import SOME_FAILED_EXIT_CODE, ImageError, LimitExceeded, MissingPackage
from cnncompress.evaluation.names import CNC, CODECS, METRICS
from cnncompress.files.outputs import check_output

_option = section("Options")


@click.command(
    "eval",
    cls=SectionCommand,
    context_settings={"show_default": True},
    short_help="Measure rate and quality of codecs on images.",
)
@click.argument("images", metavar="IMAGES...", nargs=-1, required=True, type=FileName())
@_option("--codecs", brief=True, default=",".join(CODECS), type=Names(CODECS), help="Codecs to measure, in this order.")
@_option("--metrics", brief=True, default=",".join(METRICS), type=Names(METRICS), help="Metrics to compute.")
@_option("-o", "--output", brief=True, type=click.Path(path_type=Path), help="JSON file to write the measurements to.")
@_option("-f", "--force", brief=True, is_flag=True, help="Replace the output if it exists.")
@_option("-q", "--quality", "qualities", brief=True, type=Qualities(), help="Qualities of cnc instead of 0,10,...,100.")
@_option(
    "--points",
    brief=True,
    type=click.IntRange(min=2),
    help="Use at most N qualities of each other codec, evenly spread.",
    metavar="N",
)
@model_option("Model of cnc.")
@_option("--label", default=CNC, help="Name for cnc in the results, to compare several models.")
@_option("--coding", default="auto", type=click.Choice(["auto", "learned", "avif"]), help="How cnc codes images.")
@device_option
@_option("--anchors", type=click.Path(path_type=Path), help="Published curves to compare with (JSON).")
@_option("--anchor", "anchor_names", multiple=True, help="Only this published curve; may be repeated.")
@_option(
    "--codecs-from",
    "reused",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Add the codecs of earlier results on the same images, except those measured now.",
)
@_option("--threads", default=1, help="Number of threads for every codec.")
@_option(
    "--data", envvar="CNNCOMPRESS_DATA", type=click.Path(path_type=Path), show_envvar=True, help="Folder of data sets."
)
@click.pass_context
def command(
    ctx: click.Context,
    images: tuple[str, ...],
    codecs: tuple[str, ...],
    metrics: tuple[str, ...],
    output: Path | None,
    force: bool,
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
      cnncompress eval photos -o results.json
      cnncompress eval photos --codecs cnc,avif-psnr --points 5 --metrics psnr
      cnncompress plot results.json -o rd.svg

    Prints mean rate and quality of every codec, BD-rates, and times. All codecs and all metrics take hours. Images that
    cannot be read are listed and left out; the exit code is 1 then. Needs more packages: pip install
    'cnncompress[eval]'.
    """
    if output is None:
        refuse_without(ctx, ("force",), "--output")
    else:
        with working_on(str(output)):
            check_output(str(output), force=force)
    if anchors is None:
        refuse_without(ctx, ("anchor_names",), "--anchors")
    if CNC not in codecs:
        refuse_without(ctx, ("qualities", "model", "label", "coding", "device"), f"{CNC} in --codecs")
    elif label != CNC and label in CODECS:
        raise click.UsageError(f"--label: {label!r} is another codec.")
    if set(codecs) == {CNC}:
        refuse_without(ctx, ("points",), f"a codec other than {CNC} in --codecs")
    if find_spec("scipy") is None:
        raise MissingPackage("BD-rates need scipy: pip install 'cnncompress[eval]'")
    from cnncompress.evaluation.environment import limit_threads

    try:
        limit_threads(threads)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    # After the threads are limited: the codecs' libraries count processors when they are loaded.
    from cnncompress.evaluation import curves, peers, plain_text, rd, results, sources
    from cnncompress.evaluation.cnc_codec import CNC_QUALITIES, CncSettings
    from cnncompress.evaluation.metrics import Scorer, find_metric

    # Everything that can fail early does, before hours of measuring.
    settings = CncSettings(model, device, qualities or CNC_QUALITIES, label, coding)
    chosen = [peers.find_codec(name, settings, points) for name in codecs]
    scorer = Scorer([find_metric(name) for name in metrics])
    published = curves.read_published(anchors, anchor_names) if anchors else ()
    measured_now = [codec.name for codec in chosen]
    everything = results.merge([results.read_results(path).without(measured_now) for path in reused])
    found = sources.find_sources(images, data)
    if output:
        # Not those of --codecs-from: they may be replaced by themselves and more.
        read = [*map(str, found.images), *named_weights(model), *([] if anchors is None else [str(anchors)])]
        refuse_inputs_as_outputs(read, [str(output)])
    with status(shown=is_terminal()) as show:
        show("loading codecs")
        for codec in chosen:
            codec.load()
    paths, code = _readable(found.images)
    if found.others:
        say("note", skipped(map(str, found.others), "image"))
    results.require_images(everything, [sources.image_name(path) for path in paths])
    for codec in chosen:
        steps = len(paths) * len(codec.qualities)
        with progress_bar(steps, codec.name, shown=is_terminal(), leave=True) as advance:
            measured = rd.measure_codec(codec, paths, scorer, advance)
        everything = results.merge([everything, results.Results((measured,))])
        if output:  # after each codec, so that an interrupted run keeps what it has
            results.write_results(everything, output, force=force)
            force = True  # it is a file of this run from now on
    click.echo(plain_text.format_results(everything, published, label if label in measured_now else None))
    if code:
        raise click.exceptions.Exit(code)


def _readable(images: Sequence[Path]) -> tuple[tuple[Path, ...], int]:
    """Names the images that cannot be read.

    Returns:
        The others, and the exit code: 0 if these are all, that of the error for a single image, 1 for several.

    Raises:
        click.exceptions.Exit: No image can be read.
    """
    from cnncompress.evaluation.sources import load_rgb

    readable, codes = [], []
    for path in images:
        try:
            load_rgb(path)
            readable.append(path)
        except (ImageError, LimitExceeded) as error:
            print_error(error)
            codes.append(error.exit_code)
    code = 0 if not codes else codes[0] if len(images) == 1 else SOME_FAILED_EXIT_CODE
    if not readable:
        raise click.exceptions.Exit(code)
    return tuple(readable), code
