"""``cnncompress decompress``."""

from __future__ import annotations

import click

from cnncompress.batch.settings import WorkSettings
from cnncompress.cli.batch import run
from cnncompress.cli.file_options import FileOptions, file_options
from cnncompress.cli.help import SectionCommand
from cnncompress.cli.report_options import ReportOptions, report_options
from cnncompress.cli.run_options import RunOptions, run_options
from cnncompress.cli.target import split_target
from cnncompress.files import STANDARD_STREAM
from cnncompress.formats import OUTPUT_FORMATS, output_format
from cnncompress.images.settings import ImageSettings


@click.command("decompress", cls=SectionCommand, short_help="Decompress .cnc files to images.")
@click.argument("paths", metavar="INPUT...", nargs=-1)
@click.option(
    "--format",
    "wanted_format",
    type=click.Choice(OUTPUT_FORMATS),
    help="Format of the images [default: from the output's ending, else png].",
)
@file_options
@run_options
@report_options
def command(
    paths: tuple[str, ...],
    wanted_format: str | None,
    files: FileOptions,
    run_on: RunOptions,
    report: ReportOptions,
) -> None:
    """Decompress .cnc files to images.

    \b
    Examples:
      cnncompress decompress photo.cnc                     makes photo.png
      cnncompress decompress photo.cnc photo.jpg
      cnncompress decompress -r archive -d photos --format webp
      cnncompress decompress --format ppm photo.cnc - | display

    INPUTs are .cnc files, folders with -r, and "-" for standard input. Of two arguments the second is the output if it
    has the ending of an image or is "-". An image file that was stored as it is comes back as it was, unless another
    format is asked for.
    """
    paths, target = split_target(
        paths,
        lambda name: output_format(name) is not None,
        output=files.output,
        stdout=files.stdout,
        folder=files.output_dir,
        listed=files.files_from is not None,
    )
    request = files.request("decompress", paths, target, wanted_format)
    report.check(stdout_taken=request.outputs.file == STANDARD_STREAM)
    limits = ImageSettings(max_pixels=run_on.max_pixels, max_dim=run_on.max_dim)
    settings = WorkSettings(image=limits, format=wanted_format, preserve=files.preserve)
    run(request, settings, run_on, report, dry=files.dry_run)
