"""``cnncompress compare``."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from cnncompress.batch.inputs import CNC
from cnncompress.cli.console import fitting_table, printable, say
from cnncompress.cli.exit_codes import FileError, working_on
from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import SectionCommand
from cnncompress.cli.options.running import device_option, model_option
from cnncompress.cli.options.types import Names
from cnncompress.errors import MissingPackage, UnsupportedImage
from cnncompress.evaluation.names import METRICS
from cnncompress.files.inputs import read_input
from cnncompress.units import bits_per_pixel

if TYPE_CHECKING:
    from PIL import Image

    from cnncompress.codec.cache import CodecCache
    from cnncompress.evaluation.metrics import Metric
    from cnncompress.evaluation.pixels import Pixels

JSON_SCHEMA = 1


@dataclass(frozen=True)
class _Picture:
    """A file and its pixels.

    Attributes:
        file: Its path.
        file_bytes: Its size.
        pixels: uint8 ``[H, W, 3]``.
    """

    file: str
    file_bytes: int
    pixels: Pixels

    @property
    def size(self) -> str:
        """Width and height."""
        return f"{self.pixels.shape[1]}x{self.pixels.shape[0]}"

    @property
    def bpp(self) -> float:
        """Rate of the whole file in bits per pixel."""
        height, width = self.pixels.shape[:2]
        return bits_per_pixel(self.file_bytes, width, height)


@click.command("compare", cls=SectionCommand, short_help="Measure how close images are to an original.")
@click.argument("original", type=FileName())
@click.argument("others", metavar="OTHER...", nargs=-1, required=True, type=FileName())
@click.option(
    "--metrics",
    type=Names(METRICS),
    default="psnr,ms-ssim,ssimulacra2",
    show_default=True,
    help=f"Metrics to compute, any of {', '.join(METRICS)}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line for each OTHER.")
@model_option()
@device_option
@click.pass_context
def command(
    ctx: click.Context,
    original: str,
    others: tuple[str, ...],
    metrics: tuple[str, ...],
    as_json: bool,
    model: str | None,
    device: str,
) -> None:
    """Measure how close images or .cnc files are to an original, and how large.

    \b
    Examples:
      cnncompress compare photo.png photo.cnc
      cnncompress compare photo.png photo.cnc photo.avif photo.jpg
      cnncompress compare --metrics psnr --json photo.png photo.cnc

    Higher is better for every metric. Transparent pixels are blended with white. PSNR and MS-SSIM need no
    further package.
    """
    from cnncompress.codec.cache import CodecCache
    from cnncompress.codec.model_settings import ModelSettings
    from cnncompress.evaluation.metrics import Scorer, find_metric

    chosen = [find_metric(name) for name in metrics]
    if ctx.get_parameter_source("metrics") is ParameterSource.DEFAULT:
        chosen = _available(chosen)
    scorer = Scorer(chosen)
    codecs = CodecCache(ModelSettings(model, device))
    reference = _picture(original, codecs)
    rows = [
        ("size", "bytes", "bpp", *(metric.heading for metric in chosen), "file"),
        _row(reference, ["-"] * len(chosen)),
    ]
    for other in others:
        picture = _picture(other, codecs)
        if picture.size != reference.size:
            raise FileError(other, UnsupportedImage(f"has {picture.size} pixels, and {original} has {reference.size}"))
        scores = scorer(reference.pixels, picture.pixels)
        if as_json:
            _echo_json(reference, picture, scores)
        same = _identical(reference, picture)
        rows.append(_row(picture, [_cell(scores[metric.name], metric, same=same) for metric in chosen]))
    if not as_json:
        click.echo(fitting_table(rows))


def _available(metrics: Sequence[Metric]) -> list[Metric]:
    """Returns the metrics whose packages are installed, and says in a line what the others need."""
    found = []
    for metric in metrics:
        try:
            metric.check_packages()
            found.append(metric)
        except MissingPackage as error:
            say("note", str(error))
    return found


def _picture(file: str, codecs: CodecCache) -> _Picture:
    from cnncompress.codec.unpacking import original_of, parse
    from cnncompress.images.formats import sniff
    from cnncompress.images.read import read_image
    from cnncompress.images.settings import STRIPPABLE, ImageSettings

    # Metadata does not matter here: with `strip` there is no warning that some of it would not be kept.
    settings = ImageSettings(strip=frozenset(STRIPPABLE), keep_alpha=False)
    with working_on(file):
        data = read_input(file)
        source: bytes | Image.Image = data
        if sniff(data) == CNC:
            parsed = parse(data)
            stored = original_of(parsed.container)
            source = codecs.decode(parsed).image if stored is None else stored.data
        image = read_image(source, settings)
        for change in (*image.losses, *image.damage):  # of the pixels that are compared
            say("warning", f"{file}: {change}")
    return _Picture(file, len(data), image.colour)


def _identical(reference: _Picture, picture: _Picture) -> bool:
    return bool((reference.pixels == picture.pixels).all())


def _cell(score: float | None, metric: Metric, *, same: bool) -> str:
    value = math.inf if score is None else metric.scale(score)
    return f"{value:.3f}" if math.isfinite(value) else "identical" if same else "-"


def _row(picture: _Picture, scores: Sequence[str]) -> tuple[str, ...]:
    return (picture.size, str(picture.file_bytes), f"{picture.bpp:.3f}", *scores, printable(picture.file))


def _echo_json(reference: _Picture, picture: _Picture, scores: dict[str, float | None]) -> None:
    facts = {
        "schema": JSON_SCHEMA,
        "type": "comparison",
        "original": reference.file,
        "input": picture.file,
        "input_bytes": picture.file_bytes,
        "bpp": round(picture.bpp, 4),
        "identical": _identical(reference, picture),
        "scores": scores,
    }
    click.echo(json.dumps(facts))
