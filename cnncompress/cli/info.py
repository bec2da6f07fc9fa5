"""``cnncompress info``."""

from __future__ import annotations

import dataclasses
import json

import click

from cnncompress.batch.cnc_files import read_cnc
from cnncompress.cli.console import printable, table
from cnncompress.cli.exit_codes import print_error
from cnncompress.errors import SOME_FAILED_EXIT_CODE, CnncompressError
from cnncompress.probe import Info, probe

JSON_SCHEMA = 1

_HEADINGS = ("size", "mode", "quality", "bytes", "bpp", "model", "tiles", "chunks", "file")


@click.command("info", short_help="Show what is in .cnc files.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line for each file.")
@click.pass_context
def command(ctx: click.Context, files: tuple[str, ...], as_json: bool) -> None:
    """Show what is in .cnc files, and check their checksums.

    \b
    Examples:
      cnncompress info photo.cnc
      cnncompress info *.cnc
      cnncompress info --json photo.cnc

    The command continues after a damaged file.
    """
    rows = []
    exit_codes = []
    for file in files:
        try:
            info = probe(read_cnc(file))
        except CnncompressError as error:
            print_error(error, file)
            exit_codes.append(error.exit_code)
            if as_json:
                _echo_json(file, {"status": "error", "error": str(error), "exit_code": error.exit_code})
            continue
        if as_json:
            _echo_json(file, {"status": "ok", **_facts(info)})
        else:
            rows.append(_row(file, info))
    if rows:
        click.echo(table([_HEADINGS, *rows]))
    if exit_codes:
        ctx.exit(exit_codes[0] if len(files) == 1 else SOME_FAILED_EXIT_CODE)


def _echo_json(file: str, facts: dict[str, object]) -> None:
    click.echo(json.dumps({"schema": JSON_SCHEMA, "type": "file", "input": file, **facts}))


def _facts(info: Info) -> dict[str, object]:
    """Returns the values under the names that the JSON of the other commands has for them."""
    facts = dataclasses.asdict(info)
    facts["input_bytes"] = facts.pop("file_bytes")
    facts["bpp"] = round(info.bpp, 4)
    facts["chunks"] = [{"type": name, "bytes": size} for name, size in info.chunks]
    return facts


def _sums(info: Info) -> dict[str, int]:
    """Returns the bytes of the chunks by name, summed over all tiles."""
    sums: dict[str, int] = {}
    for name, size in info.chunks:
        sums[name] = sums.get(name, 0) + size
    return sums


def _row(file: str, info: Info) -> tuple[str, ...]:
    return (
        f"{info.width}x{info.height}",
        info.mode,
        info.coding if info.quality is None else f"{info.quality:g}",
        str(info.file_bytes),
        f"{info.bpp:.3f}",
        info.model or ("-" if info.fingerprint is None else f"unknown ({info.fingerprint})"),
        str(info.tiles) if info.tiles == 1 else f"{info.tiles} of {info.tile_side}",
        " ".join(f"{name}:{size}" for name, size in _sums(info).items()),
        printable(file),
    )
