"""``cnncompress info``."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import TYPE_CHECKING

import click

from cnncompress.batch.cnc_files import read_cnc
from cnncompress.batch.collisions import refuse_inputs_as_outputs
from cnncompress.batch.plan import cnc_files
from cnncompress.batch.request import Inputs
from cnncompress.bitstream.ancillary import Metadata, read_metadata
from cnncompress.bitstream.container import ChunkType, unpack
from cnncompress.cli.console import fitting_table, printable, say, table
from cnncompress.cli.exit_codes import print_error, working_on
from cnncompress.cli.lines import skipped
from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import SectionCommand, refuse_without, section
from cnncompress.cli.options.running import model_option, named_weights
from cnncompress.cli.pictures import bit_counter
from cnncompress.codec.tiles import TileGrid
from cnncompress.errors import SOME_FAILED_EXIT_CODE, CnncompressError, PlanError
from cnncompress.files.outputs import check_output, write_output
from cnncompress.images.xmp import speaks_of_position
from cnncompress.probe import Info, probe
from cnncompress.units import bits_per_pixel

if TYPE_CHECKING:
    from cnncompress.codec.bit_map import BitMap
    from cnncompress.images.exif_facts import ExifFacts

JSON_SCHEMA = 1

_HEADINGS = ("size", "mode", "coding", "quality", "bytes", "bpp", "model", "tiles", "chunks", "file")
_TILE_HEADINGS = ("tile", "left", "top", "width", "height", "bytes", "bpp")


_option = section("Options")


@click.command("info", cls=SectionCommand, short_help="Show what is in .cnc files.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FileName())
@_option("-r", "--recursive", is_flag=True, brief=True, help="Search folders; symbolic links in them are not followed.")
@_option(
    "-v",
    "--verbose",
    is_flag=True,
    brief=True,
    help="Also show camera, date and position from the EXIF of each file, and list its tiles with their bytes.",
)
@_option(
    "--bits",
    metavar="IMAGE",
    brief=True,
    type=FileName(),
    help="Write a PNG that shows the bits of each block of 16x16 pixels of a single FILE.",
)
@model_option("Weights file for --bits, if the model of FILE is not installed.")
@_option("-f", "--force", is_flag=True, brief=True, help="Replace the file of --bits if it exists.")
@_option("--json", "as_json", is_flag=True, brief=True, help="Print one JSON object per line for each file.")
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    recursive: bool,
    verbose: bool,
    bits: str | None,
    model: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Show what is in .cnc files, and check their checksums.

    \b
    Examples:
      cnncompress info photo.cnc
      cnncompress info -v *.cnc
      cnncompress info -r archive
      cnncompress info --json photo.cnc
      cnncompress info --bits bits.png photo.cnc

    The command continues after a damaged file. In the picture of --bits, bright blocks took many bits.
    """
    found, others = cnc_files(Inputs(files, recursive))
    if bits is None:
        refuse_without(ctx, ("model", "force"), "--bits")
    else:
        if len(found) > 1 or len(files) > 1:
            raise click.UsageError("--bits needs a single FILE.")
        with working_on(bits):
            check_output(bits, force=force)
        refuse_inputs_as_outputs([*(each.path for each in found), *named_weights(model)], [bits])
    rows = []
    texts = []
    exit_codes = []
    for each in found:
        file = each.path
        try:
            if each.error is not None:
                raise each.error
            data = read_cnc(file)
            info = probe(data)
            counted = None if bits is None else bit_counter(model)(data)
            if bits is not None and counted is None:
                raise PlanError(f"--bits needs an image that a model coded; this one is {info.coding}")
            exif = _exif(data) if verbose or as_json else None
        except CnncompressError as error:
            print_error(error, file)
            exit_codes.append(error.exit_code)
            if as_json:
                _echo_json(file, {"status": "error", "error": str(error), "exit_code": error.exit_code})
            continue
        if bits is not None and counted is not None:
            _write(counted, info, bits, force=force)
        if as_json:
            _echo_json(file, {"status": "ok", **_facts(info), **_bit_facts(counted), **_exif_facts(exif)})
            continue
        rows.append(_row(file, info))
        if exif is not None:
            texts.append(f"{printable(file)}\n{_exif_table(exif)}")
        if verbose and info.coding == "learned":
            texts.append(f"{printable(file)}\n{_tile_table(info)}")
        if counted is not None:
            texts.append(_sentence(counted))
    if rows:
        click.echo("\n\n".join([fitting_table([_HEADINGS, *rows]), *texts]))
    if others:
        say("note", skipped((each.path for each in others), "cnc"))
    if exit_codes:
        ctx.exit(exit_codes[0] if len(found) == 1 else SOME_FAILED_EXIT_CODE)


def _echo_json(file: str, facts: dict[str, object]) -> None:
    click.echo(json.dumps({"schema": JSON_SCHEMA, "type": "file", "input": file, **facts}))


def _facts(info: Info) -> dict[str, object]:
    """Returns the values under the names that the JSON of the other commands has for them."""
    facts = dataclasses.asdict(info)
    facts["input_bytes"] = facts.pop("file_bytes")
    facts["bpp"] = round(info.bpp, 4)
    facts["chunks"] = [{"type": name, "bytes": size} for name, size in info.chunks]
    return facts


def _bit_facts(counted: BitMap | None) -> dict[str, object]:
    if counted is None:
        return {}
    return {"bits": {"sum": round(float(counted.bits.sum()), 1), "payload": counted.payload_bits}}


def _metadata(data: bytes) -> Metadata:
    """Returns the metadata of the file, or of the original that it stores, as they are there."""
    container = unpack(data)
    if container.coding != "stored":
        return read_metadata(container)
    from cnncompress.images.metadata import stored_metadata  # imports Pillow

    return stored_metadata(container.payload(ChunkType.ORIGINAL))


def _exif(data: bytes) -> ExifFacts | None:
    metadata = _metadata(data)
    if metadata.exif is None:
        return None
    from cnncompress.images.exif_facts import exif_facts  # imports Pillow

    facts = exif_facts(metadata.exif)
    position = metadata.xmp is not None and speaks_of_position(metadata.xmp)
    return facts if facts is None else dataclasses.replace(facts, position=facts.position or position)


def _exif_facts(exif: ExifFacts | None) -> dict[str, object]:
    return {} if exif is None else {"exif": dataclasses.asdict(exif)}


def _exif_table(exif: ExifFacts) -> str:
    values = {**dataclasses.asdict(exif), "position": "yes" if exif.position else "no"}
    return table([(name, printable(str(value))) for name, value in values.items() if value is not None])


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
        info.coding,
        "-" if info.quality is None else f"{info.quality:g}",
        str(info.file_bytes),
        f"{info.bpp:.3f}",
        info.model or ("-" if info.fingerprint is None else f"unknown ({info.fingerprint})"),
        str(info.tiles) if info.tiles == 1 else f"{info.tiles} of {info.tile_side}",
        " ".join(f"{name}:{size}" for name, size in _sums(info).items()),
        printable(file),
    )


def _tile_table(info: Info) -> str:
    grid = TileGrid(info.width, info.height, info.tile_side)
    sizes = [size for name, size in info.chunks if name == "latents"]
    tiles = [(grid.tile(number), size) for number, size in enumerate(sizes)]
    rows = [
        (
            *map(str, (number, tile.left, tile.top, tile.width, tile.height, size)),
            f"{bits_per_pixel(size, tile.width, tile.height):.3f}",
        )
        for number, (tile, size) in enumerate(tiles, start=1)
    ]
    return table([_TILE_HEADINGS, *rows])


def _write(counted: BitMap, info: Info, path: str, *, force: bool) -> None:
    from PIL import Image

    from cnncompress.images.heat_map import heat_map
    from cnncompress.images.write import save_image
    from cnncompress.model.config import PATCH

    colours = heat_map(counted.bits, counted.bits.max(), PATCH)[: info.height, : info.width]
    stream = io.BytesIO()
    save_image(Image.fromarray(colours), stream, "png")
    with working_on(path):
        write_output(path, stream.getbuffer(), force=force)


def _sentence(counted: BitMap) -> str:
    rows, columns = counted.bits.shape
    return (
        f"{columns}x{rows} blocks of 16x16 pixels, {counted.bits.min():.1f} to {counted.bits.max():.1f} bits; "
        f"their sum is {counted.bits.sum():.0f} of {counted.payload_bits} bits in the payload"
    )
