"""``cnncompress test``."""

from __future__ import annotations

import time
from dataclasses import fields, replace

import click

from cnncompress.batch.cnc_files import read_cnc
from cnncompress.batch.jobs import WorkSettings
from cnncompress.batch.outcomes import Result, failure
from cnncompress.batch.plan import Plan, cnc_files
from cnncompress.batch.request import Existing, Inputs, Outputs, Request
from cnncompress.cli.options.arguments import check_standard_streams
from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import SectionCommand, refuse_without, section
from cnncompress.cli.options.messages import MessageOptions, message_options
from cnncompress.cli.options.running import RunOptions, run_options
from cnncompress.cli.reporting import Reporter, json_log
from cnncompress.cli.run import run
from cnncompress.errors import CnncompressError
from cnncompress.images.settings import ImageSettings
from cnncompress.probe import probe

_option = section("Files")


@click.command("test", cls=SectionCommand, short_help="Check .cnc files for damage.")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=FileName())
@_option("-r", "--recursive", is_flag=True, brief=True, help="Search folders; symbolic links in them are not followed.")
@_option("--decode", is_flag=True, brief=True, help="Decode the images as well; needs the models.")
@_option("-f", "--force", is_flag=True, help="Replace the file of --json-file if it exists.")
@run_options
@message_options
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    recursive: bool,
    decode: bool,
    force: bool,
    run_on: RunOptions,
    messages: MessageOptions,
) -> None:
    """Check the structure and all checksums of .cnc files.

    \b
    Examples:
      cnncompress test photo.cnc
      cnncompress test -r archive
      cnncompress test --decode *.cnc

    Prints nothing about an undamaged file unless -v is given. The command continues after a damaged file. The Running
    options need --decode.
    """
    check_standard_streams(paths, None, force=False)
    messages.check(stdout_taken=False)
    if messages.json_file is None:
        refuse_without(ctx, ("force",), "--json-file")
    existing = Existing.REPLACE if force else Existing.REFUSE
    if decode:
        request = Request("test", Inputs(paths, recursive), Outputs(existing=existing))
        run(request, WorkSettings(image=ImageSettings(limits=run_on.limits)), run_on, messages, dry=False)
        return
    refuse_without(ctx, (field.name for field in fields(RunOptions)), "--decode")
    _check_structure(Inputs(paths, recursive), messages, existing)


def _check_structure(inputs: Inputs, messages: MessageOptions, existing: Existing) -> None:
    tested, others = cnc_files(inputs)
    plan = Plan((), (), tuple(each.path for each in others), not others and len(tested) == 1 and tested[0].named)
    with json_log(messages.json_file, (each.path for each in tested), existing) as log:
        reporter = Reporter(messages, "test", plan, log)
        for each in tested:
            start = time.perf_counter()
            result = failure(each.path, each.error) if each.error is not None else _tested(each.path)
            reporter.add(replace(result, seconds=round(time.perf_counter() - start, 4)))
        reporter.finish(0, reporter.totals.exit_code)
    if reporter.totals.exit_code:
        raise click.exceptions.Exit(reporter.totals.exit_code)


def _tested(path: str) -> Result:
    try:
        info = probe(read_cnc(path))
    except CnncompressError as error:
        return failure(path, error)
    return Result(
        "ok",
        path,
        input_bytes=info.file_bytes,
        width=info.width,
        height=info.height,
        mode=info.mode,
        coding=info.coding,
        quality=info.quality,
        bpp=round(info.bpp, 4),
        model=info.model,
    )
