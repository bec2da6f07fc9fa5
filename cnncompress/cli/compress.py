"""``cnncompress compress``."""

from __future__ import annotations

from typing import cast

import click

from cnncompress.batch.jobs import IfLarger, WorkSettings
from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import SectionCommand, section
from cnncompress.cli.options.messages import MessageOptions, message_options
from cnncompress.cli.options.paths import FileOptions, file_options
from cnncompress.cli.options.picture import PictureOptions, picture_options
from cnncompress.cli.options.rate import RateOptions, rate_options
from cnncompress.cli.options.running import RunOptions, run_options
from cnncompress.cli.run import run
from cnncompress.codec.encode_settings import EncodeSettings
from cnncompress.files.kinds import STANDARD_STREAM
from cnncompress.remote import is_url

_option = section("Rate and quality")
_file_option = section("Files")


@click.command("compress", cls=SectionCommand, short_help="Compress images to .cnc files.")
@click.argument("paths", metavar="INPUT...", nargs=-1, type=FileName())
@rate_options
@_option(
    "--if-larger",
    type=click.Choice(["store", "skip", "keep", "fail"]),
    default="store",
    show_default=True,
    help="If the .cnc file would not be smaller than its input: store the input in it, skip the input, keep the larger "
    "file, or fail.",
)
@file_options
@_file_option("--append-suffix", is_flag=True, help="Name the output photo.jpg.cnc instead of photo.cnc.")
@_file_option("--verify", is_flag=True, help="Decode and check each .cnc file before it is written.")
@_file_option(
    "--rm",
    "remove",
    is_flag=True,
    help="Remove each input after its output is verified and safely on disk, unless something was left out.",
)
@picture_options
@run_options
@message_options
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    rate: RateOptions,
    if_larger: str,
    append_suffix: bool,
    verify: bool,
    remove: bool,
    files: FileOptions,
    picture: PictureOptions,
    run_on: RunOptions,
    messages: MessageOptions,
) -> None:
    """Compress images to .cnc files.

    \b
    Examples:
      cnncompress compress photo.jpg                       makes photo.cnc
      cnncompress compress -q 80 photo.png small.cnc
      cnncompress compress -r photos -d archive --skip-existing
      cnncompress compress --tar in-{000..099}.tar -d out
      cat photo.png | cnncompress compress - > photo.cnc

    INPUTs are images, folders with -r, URLs, or "-" for standard input. The format of an image is detected from its
    content, not from its name. With two arguments, the second is the output if it ends in .cnc, or is "-" or
    /dev/null.
    """
    rate.check(ctx)
    request = files.request(ctx, "compress", paths, append_suffix=append_suffix)
    messages.check(stdout_taken=request.outputs.file == STANDARD_STREAM, sharded=request.shard is not None)
    if remove and (request.outputs.file == STANDARD_STREAM or STANDARD_STREAM in request.inputs.paths):
        raise click.UsageError("--rm needs files as input and output, not standard streams.")
    if remove and any(map(is_url, (*request.inputs.paths, request.outputs.file or "", str(request.outputs.folder)))):
        raise click.UsageError("--rm does not work with URLs.")
    settings = WorkSettings(
        image=picture.settings(run_on.limits),
        quality=rate.wanted,
        encode=EncodeSettings(rate.chosen_coding, rate.effort, picture.tile, picture.exact),
        if_larger=cast(IfLarger, if_larger),
        preserve=files.preserve,
        verify=verify,
        remove=remove,
    )
    request = files.with_tars(ctx, request, settings, run_on.model_settings)
    run(request, settings, run_on, messages, dry=files.dry_run)
