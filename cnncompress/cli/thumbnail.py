"""``cnncompress thumbnail``, for file managers; see scripts/desktop/cnncompress.thumbnailer."""

from __future__ import annotations

import io

import click

from cnncompress.batch.collisions import refuse_inputs_as_outputs
from cnncompress.cli.exit_codes import working_on
from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import SectionCommand
from cnncompress.cli.options.running import model_option, named_weights
from cnncompress.cli.pictures import decoded_image
from cnncompress.files.outputs import write_output

_MAX_SIDE = 4096


@click.command("thumbnail", cls=SectionCommand, hidden=True, short_help="Write a small PNG of a .cnc file.")
@click.argument("file", type=FileName())
@click.argument("output", type=FileName())
@click.option(
    "-s",
    "--size",
    type=click.IntRange(1, _MAX_SIDE),
    default=256,
    show_default=True,
    help="Longest side of the thumbnail in pixels.",
)
@model_option()
def command(file: str, output: str, size: int, model: str | None) -> None:
    """Write a small PNG of a .cnc FILE, for file managers.

    \b
    Examples:
      cnncompress thumbnail photo.cnc photo.png
      cnncompress thumbnail --size 512 photo.cnc photo.png

    An existing OUTPUT is replaced. The networks run on the CPU.
    """
    from cnncompress.codec.cache import CodecCache
    from cnncompress.codec.model_settings import ModelSettings

    refuse_inputs_as_outputs([file, *named_weights(model)], [output])
    image = decoded_image(file, CodecCache(ModelSettings(model, "cpu")), size)
    if image.mode == "1":  # or the thumbnail would be black and white, too
        image = image.convert("L")
    image.thumbnail((size, size))
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)
    with working_on(output):
        write_output(output, stream.getbuffer(), force=True)
