"""``cnncompress compress``."""

from __future__ import annotations

import click

from cnncompress.cli.endings import working_on
from cnncompress.cli.options import device_option, force_option, model_option, quality_option
from cnncompress.cli.target import check_target
from cnncompress.files import read_input, write_output


@click.command("compress", short_help="Compress an image to a .cnc file.")
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@quality_option
@device_option
@model_option
@force_option
def command(source: str, target: str, quality: float, device: str, model: str | None, force: bool) -> None:
    """Compress an image to a .cnc file.

    \b
    Examples:
      cnncompress compress photo.jpg photo.cnc
      cnncompress compress -q 80 photo.png photo.cnc
      cat photo.png | cnncompress compress - - > photo.cnc

    INPUT is a PNG, JPEG, WebP, AVIF, TIFF, PNM, BMP, GIF, JPEG 2000 or QOI image, "-" is standard input.
    OUTPUT is the .cnc file, "-" is standard output.
    """
    check_target(target, source=source, force=force)
    with working_on(source):
        image = read_input(source)
    from cnncompress.api import Codec  # brings in torch

    codec = Codec(model, device)
    with working_on(source):
        data = codec.compress(image, quality)
    with working_on(target):
        write_output(target, data, force=force)
