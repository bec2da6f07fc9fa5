"""``cnncompress decompress``."""

from __future__ import annotations

import click

from cnncompress.batch.cnc_files import SAME
from cnncompress.batch.jobs import WorkSettings
from cnncompress.batch.outputs import DEFAULT_ENDING
from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import SectionCommand, section
from cnncompress.cli.options.messages import MessageOptions, message_options
from cnncompress.cli.options.paths import FileOptions, file_options
from cnncompress.cli.options.picture import RegionOptions, region_options
from cnncompress.cli.options.running import RunOptions, run_options
from cnncompress.cli.run import run
from cnncompress.files.kinds import STANDARD_STREAM
from cnncompress.images.formats import FORMATS_WITH_QUALITY, OUTPUT_FORMATS, output_format
from cnncompress.images.settings import ImageSettings

_option = section("Files")


@click.command("decompress", cls=SectionCommand, short_help="Decompress .cnc files to images.")
@click.argument("paths", metavar="INPUT...", nargs=-1, type=FileName())
@_option(
    "--format",
    "wanted_format",
    brief=True,
    type=click.Choice([*OUTPUT_FORMATS, SAME]),
    help="Format of the images; same: that of the original; by default the one of the output's ending, or png.",
)
@_option(
    "--output-quality",
    type=click.IntRange(1, 100),
    metavar="N",
    help="Quality of jpg, webp and avif images; by default 95, and lossless for webp.",
)
@file_options
@region_options
@run_options
@message_options
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    wanted_format: str | None,
    output_quality: int | None,
    files: FileOptions,
    region: RegionOptions,
    run_on: RunOptions,
    messages: MessageOptions,
) -> None:
    """Decompress .cnc files to images.

    \b
    Examples:
      cnncompress decompress photo.cnc                     makes photo.png
      cnncompress decompress photo.cnc photo.jpg
      cnncompress decompress -r archive -d photos --format webp
      cnncompress decompress --scale 1/8 panorama.cnc small.png
      cnncompress decompress --format ppm photo.cnc - | display

    INPUTs are .cnc files, folders with -r, URLs, or "-" for standard input. With two arguments, the second is the
    output if it has the ending of an image or is "-". An image file that was stored unchanged is restored byte for
    byte, unless another format is chosen.
    """
    request = files.request(ctx, "decompress", paths, ending=wanted_format)
    messages.check(stdout_taken=request.outputs.file == STANDARD_STREAM, sharded=request.shard is not None)
    kind = wanted_format or output_format(request.outputs.file or "") or DEFAULT_ENDING
    if output_quality is not None and kind not in (*FORMATS_WITH_QUALITY, SAME):
        raise click.UsageError(f"{kind} has no quality; --output-quality is for {', '.join(FORMATS_WITH_QUALITY)}.")
    settings = WorkSettings(
        image=ImageSettings(limits=run_on.limits),
        format=wanted_format,
        output_quality=output_quality,
        preserve=files.preserve,
        view=region.view,
        keep_going=region.keep_going,
    )
    request = files.with_tars(ctx, request, settings, run_on.model_settings)
    run(request, settings, run_on, messages, dry=files.dry_run)
