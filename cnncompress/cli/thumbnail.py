"""``cnncompress thumbnail``, for file managers; see scripts/desktop/cnncompress.thumbnailer."""

from __future__ import annotations

import io

import click

from cnncompress.batch.cnc_files import read_cnc
from cnncompress.cli.exit_codes import working_on
from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import SectionCommand
from cnncompress.files.outputs import write_output
from cnncompress.images.limits import Limits
from cnncompress.images.view import FACTORS, View

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
def command(file: str, output: str, size: int) -> None:
    """Write a small PNG of a .cnc FILE, for file managers.

    \b
    Examples:
      cnncompress thumbnail photo.cnc photo.png
      cnncompress thumbnail --size 512 photo.cnc photo.png

    An existing OUTPUT is replaced. The networks run on the CPU, without PyTorch.
    """
    from cnncompress.codec.cache import CodecCache
    from cnncompress.codec.unpacking import parse

    limits = Limits()
    with working_on(file):
        parsed = parse(read_cnc(file, limits))
        header = parsed.container.header
        factor = max(each for each in FACTORS if each == 1 or max(header.width, header.height) >= each * size)
        image = CodecCache(None, "cpu", limits, engine="ncnn").decode(parsed, View(factor=factor)).image
    if image.mode == "1":  # or the thumbnail would be black and white, too
        image = image.convert("L")
    image.thumbnail((size, size))
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)
    with working_on(output):
        write_output(output, stream.getbuffer(), force=True)
