"""Draws the picture of the README: a part of one photograph as several codecs give it back at equal bytes.

``python scripts/make_picture.py samples/chelsea.png -q 30 --crop 90 60 160 120 -o docs/results/chelsea.webp``

Each codec codes the whole photograph, and the same part of it is shown of all, enlarged without smoothing. The others
get at least as many bytes as cnncompress. The picture is lossless WebP; the settings are printed as a table.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cnncompress.cli.exit_codes import exit_codes
from cnncompress.evaluation.cnc_codec import CncCodec, CncSettings
from cnncompress.evaluation.metrics import SSIMULACRA2
from cnncompress.evaluation.names import CNC
from cnncompress.evaluation.peers import ImageCodec, find_codec
from cnncompress.evaluation.pixels import Pixels
from cnncompress.files.outputs import write_output
from cnncompress.images.view import Rectangle, View
from cnncompress.report.measure import AtQuality, Original, Version, load_original, measure_qualities

PEERS = ("jpeg", "webp", "jxl", "avif")
TITLES = {"jpeg": "JPEG", "webp": "WebP", "jxl": "JPEG XL", "avif": "AVIF", CNC: "cnncompress"}

COLUMNS = 3
GAP = 8
"""Pixels between two cells, and around all of them."""
LABEL = 46
"""Pixels below a cell, for two lines of text."""
PAPER, INK, FAINT = (255, 255, 255), (24, 24, 24), (90, 90, 90)


def draw_picture(original: Original, measured: AtQuality, area: Rectangle, zoom: int) -> Image.Image:
    """Draws the part of the original, then that of each version, with labels.

    Args:
        original: The picture.
        measured: Its versions.
        area: Which part.
        zoom: Pixels of the drawing for one of the picture, along each axis.

    Returns:
        8-bit RGB.
    """
    versions = in_order(measured.versions)
    height, width = original.pixels.shape[:2]
    cells = [(original.pixels, "Original", f"{width}x{height}")]
    cells += [(version.pixels, TITLES[version.codec], _label(version)) for version in versions]
    step_x, step_y = zoom * area.width + GAP, zoom * area.height + LABEL + GAP
    rows = -(-len(cells) // COLUMNS)
    picture = Image.new("RGB", (COLUMNS * step_x + GAP, rows * step_y + GAP), PAPER)
    draw = ImageDraw.Draw(picture)
    title, text = ImageFont.load_default(17), ImageFont.load_default(14)
    for number, (pixels, name, label) in enumerate(cells):
        x, y = GAP + number % COLUMNS * step_x, GAP + number // COLUMNS * step_y
        picture.paste(_enlarged(pixels[area.slices], zoom), (x, y))
        below = y + zoom * area.height
        draw.text((x + 2, below + 3), name, INK, title)
        draw.text((x + 2, below + 25), label, FAINT, text)
    return picture


def in_order(versions: Sequence[Version]) -> list[Version]:
    """The codecs by rising score, ours last where scores are equal or there are none."""
    return sorted(versions, key=lambda version: (version.ssimulacra2 or 0.0, version.codec == CNC))


def settings_table(measured: AtQuality, codecs: Sequence[ImageCodec]) -> str:
    """A table in Markdown: how each file was made, and what it came to."""
    settings = {codec.name: codec.settings for codec in codecs}
    lines = ["| codec | quality | bytes | bpp | PSNR | SSIMULACRA2 |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for version in in_order(measured.versions):
        psnr = "-" if version.psnr is None else f"{version.psnr:.2f} dB"
        score = "-" if version.ssimulacra2 is None else f"{version.ssimulacra2:.1f}"
        lines.append(
            f"| `{version.codec}`: {settings[version.codec]} | {version.quality:g} | {len(version.data):,} "
            f"| {version.bpp:.3f} | {psnr} | {score} |"
        )
    return "\n".join(lines)


def _label(version: Version) -> str:
    score = "" if version.ssimulacra2 is None else f", SSIMULACRA2 {version.ssimulacra2:.0f}"
    return f"{len(version.data):,} bytes{score}"


def _enlarged(pixels: Pixels, zoom: int) -> Image.Image:
    """Repeats pixels, so that nothing is smoothed that a codec left rough."""
    return Image.fromarray(np.repeat(np.repeat(pixels, zoom, axis=0), zoom, axis=1))


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, metavar="FILE", help="Picture to write; replaced if it exists.")
@click.option("-q", "--quality", default=30.0, type=click.FloatRange(0, 100), help="Quality of cnncompress.")
@click.option("--crop", type=(int, int, int, int), help="Left, top, width and height of the part.  [default: all]")
@click.option("--zoom", default=2, type=click.IntRange(1, 8), help="Pixels for one of the image, along each axis.")
def main(image: Path, output: str, quality: float, crop: tuple[int, int, int, int] | None, zoom: int) -> None:
    """Draw a part of IMAGE as several codecs give it back, and print what their files came to."""
    own = CncCodec(CncSettings(device="cpu"))
    try:
        view = View(crop)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--crop") from error
    with exit_codes():
        SSIMULACRA2.check_packages()
        peers = [find_codec(name) for name in PEERS]
        original = load_original(image)
        (measured,) = measure_qualities(original, own, peers, [quality], lambda data: None, with_errors=True)
        height, width = original.pixels.shape[:2]
        data = io.BytesIO()
        draw_picture(original, measured, view.area(width, height), zoom).save(
            data, "WEBP", lossless=True, quality=100, method=6
        )
        write_output(output, data.getvalue(), force=True)
    click.echo(settings_table(measured, [own, *peers]))


if __name__ == "__main__":
    main()
