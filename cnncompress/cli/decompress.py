"""``cnncompress decompress``."""

from __future__ import annotations

import io

import click

from cnncompress.cli.endings import working_on
from cnncompress.cli.options import device_option, force_option, model_option
from cnncompress.cli.target import check_target
from cnncompress.files import STANDARD_STREAM, read_input, write_output
from cnncompress.formats import OUTPUT_FORMATS, output_format


@click.command("decompress", short_help="Decompress a .cnc file to an image.")
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@click.option(
    "--format",
    "wanted_format",
    type=click.Choice(OUTPUT_FORMATS),
    help="Format of the image; by default from OUTPUT's ending, png for standard output.",
)
@device_option
@model_option
@force_option
def command(source: str, target: str, wanted_format: str | None, device: str, model: str | None, force: bool) -> None:
    """Decompress a .cnc file to an image.

    \b
    Examples:
      cnncompress decompress photo.cnc photo.png
      cnncompress decompress -f photo.cnc photo.jpg
      cnncompress decompress --format ppm photo.cnc - | display

    INPUT is a .cnc file, "-" is standard input. OUTPUT is the image, "-" is standard output.
    """
    chosen_format = wanted_format or _format_of(target)
    check_target(target, source=source, force=force)
    with working_on(source):
        data = read_input(source)
        from cnncompress.api import decompress  # brings in torch

        image = decompress(data, model=model, device=device)
    with working_on(target):
        from cnncompress.images.write import save_image

        stream = io.BytesIO()
        save_image(image, stream, chosen_format)
        write_output(target, stream.getvalue(), force=force)


def _format_of(target: str) -> str:
    found = "png" if target == STANDARD_STREAM else output_format(target)
    if found is None:
        raise click.UsageError(
            f"The ending of {target!r} is not one of {', '.join(OUTPUT_FORMATS)}; choose one with --format."
        )
    return found
