"""``cnncompress report``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnncompress.batch.collisions import refuse_inputs_as_outputs
from cnncompress.cli.bars import progress_bar
from cnncompress.cli.console import say
from cnncompress.cli.exit_codes import working_on
from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import SectionCommand, section
from cnncompress.cli.options.running import device_option, model_option, named_weights
from cnncompress.cli.options.types import Names, Qualities
from cnncompress.cli.pictures import bit_counter
from cnncompress.cli.terminal import is_terminal, status
from cnncompress.codec.refinement.levels import MAX_EFFORT
from cnncompress.errors import MissingPackage
from cnncompress.evaluation.names import CNC, CODECS, RATE_DRIVEN
from cnncompress.files.outputs import check_output, write_output
from cnncompress.units import format_bytes, plural

if TYPE_CHECKING:
    from cnncompress.evaluation.peers import ImageCodec

FIRST_QUALITY = 60.0
"""The page first shows this quality, or the nearest one."""

NO_CODEC = "none"

_USUAL_PEERS = ("avif", "jxl", "webp", "jpeg")

_option = section("Options")


@click.command("report", cls=SectionCommand, short_help="Make a page that compares codecs on a picture.")
@click.argument("originals", metavar="ORIGINAL...", nargs=-1, required=True, type=FileName())
@_option("-o", "--output", brief=True, metavar="FILE", type=FileName(), required=True, help="HTML file to write.")
@_option("-f", "--force", brief=True, is_flag=True, help="Replace the output if it exists.")
@_option(
    "-q",
    "--quality",
    "qualities",
    brief=True,
    type=Qualities(),
    default="30,60",
    show_default=True,
    help="Qualities of cnncompress to show, 0 to 100, separated by commas.",
)
@_option(
    "--against",
    brief=True,
    type=Names((*(name for name in CODECS if name not in (CNC, *RATE_DRIVEN)), NO_CODEC)),
    help='Codecs to compare with, at no fewer bytes than the .cnc file; "none" for no codec.  [default: avif, jxl, '
    "webp and jpeg, as far as their packages are installed]",
)
@_option(
    "-e",
    "--effort",
    brief=True,
    type=click.IntRange(0, MAX_EFFORT),
    default=0,
    show_default=True,
    metavar="N",
    help="Effort of the encoder.",
)
@model_option("Model to compress with.")
@device_option
@_option("--quiet", brief=True, is_flag=True, help="Print errors only.")
def command(
    originals: tuple[str, ...],
    output: str,
    force: bool,
    qualities: tuple[float, ...],
    against: tuple[str, ...] | None,
    effort: int,
    model: str | None,
    device: str,
    quiet: bool,
) -> None:
    """Make a page that compares pictures before and after, and with other codecs.

    \b
    Examples:
      cnncompress report photo.png -o report.html
      cnncompress report *.png -q 20,50,80 --against avif,jpeg -o report.html

    The page is one HTML file without external resources. It shows the original and the decoded picture with a divider
    between them, zooms to single pixels, and shows their difference, an error map by SSIMULACRA2, and the bits of each
    block. The other codecs get at least as many bytes as the .cnc file has: the lowest whole-numbered quality that
    takes as many, or the highest if none does.
    """
    with working_on(output):
        check_output(output, force=force)
    refuse_inputs_as_outputs([*originals, *named_weights(model)], [output])
    peers = _usual_peers(quiet=quiet) if against is None else _peers(against)
    from cnncompress.evaluation.cnc_codec import CncCodec, CncSettings
    from cnncompress.evaluation.environment import current_environment
    from cnncompress.evaluation.metrics import SSIMULACRA2
    from cnncompress.report.measure import load_original, measure_qualities, steps_of
    from cnncompress.report.page import make_page, picture_part

    shown = not quiet and is_terminal()
    own = CncCodec(CncSettings(model, device, effort=effort))
    with status(shown=shown) as show:
        show("loading the model")
        own.load()
    for name in originals:  # all of them before the first one is measured
        load_original(Path(name))
    with_errors = True
    try:
        SSIMULACRA2.check_packages()
    except MissingPackage as error:
        with_errors = False
        if not quiet:
            say("warning", f"the page will have no scores and error maps: {error}")
    count = bit_counter(model)
    pictures = []
    for name in originals:
        original = load_original(Path(name))
        with progress_bar(steps_of(1 + len(peers), len(qualities)), Path(name).name, shown=shown) as advance:
            measured = measure_qualities(
                original, own, peers, qualities, count, with_errors=with_errors, progress=advance
            )
            pictures.append(picture_part(original, measured))
    environment = current_environment()
    settings = [(codec.name, codec.settings) for codec in (own, *peers)]
    settings.append(("Machine", f"{environment.cpu}, {plural(environment.threads, 'thread')}; one run of each codec"))
    page = make_page(pictures, settings, FIRST_QUALITY)
    with working_on(output):
        write_output(output, page, force=force)
    if not quiet:
        say("note", f"{output}: {format_bytes(len(page))}, {plural(len(pictures), 'picture')}")


def _usual_peers(*, quiet: bool) -> list[ImageCodec]:
    """Returns the codecs of a page that names none, without those whose packages are not installed."""
    from cnncompress.evaluation.peers import find_codec

    peers = []
    for name in _USUAL_PEERS:
        try:
            peers.append(find_codec(name))
        except MissingPackage as error:
            if not quiet:
                say("warning", f"the page will not have {name}: {error}")
    return peers


def _peers(names: Sequence[str]) -> list[ImageCodec]:
    from cnncompress.evaluation.peers import find_codec

    if NO_CODEC in names and len(names) > 1:
        raise click.BadParameter(f"{NO_CODEC!r} must be the only name.", param_hint="--against")
    return [find_codec(name) for name in names if name != NO_CODEC]
