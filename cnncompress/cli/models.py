"""``cnncompress models``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from cnncompress.cli.console import fitting_table
from cnncompress.cli.options.groups import SectionCommand
from cnncompress.model.manifest import Entry, Manifest, read_manifest
from cnncompress.units import format_bytes

JSON_SCHEMA = 1
QUALITIES = (0, 100)
"""Lowest and highest quality of every model."""

_HEADINGS = ("name", "fingerprint", "parameters", "size", "encode kMAC/pixel", "decode kMAC/pixel", "licence", "file")


@click.command("models", cls=SectionCommand, short_help="List the installed models.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line for each model, with its training record."
)
def command(as_json: bool) -> None:
    """List the installed models with their size and their multiply-accumulates per pixel.

    \b
    Examples:
      cnncompress models
      cnncompress models --json

    Each .cnc file names the model that it needs by the model's fingerprint. The default model is marked with a star.
    """
    manifest = read_manifest()
    if as_json:
        for entry in manifest.entries:
            click.echo(json.dumps({"schema": JSON_SCHEMA, **_facts(entry, manifest)}))
    else:
        click.echo(fitting_table([_HEADINGS, *(_row(entry, manifest) for entry in manifest.entries)]))


def _facts(entry: Entry, manifest: Manifest) -> dict[str, object]:
    path = manifest.directory / entry.file
    return {
        "default": entry.name == manifest.default,
        **dataclasses.asdict(entry),
        "fingerprint": entry.fingerprint,
        "path": str(path),
        "bytes": _bytes(path),
        "qualities": QUALITIES,
    }


def _row(entry: Entry, manifest: Manifest) -> tuple[str, ...]:
    path = manifest.directory / entry.file
    count = _bytes(path)
    return (
        entry.name + ("*" if entry.name == manifest.default else ""),
        entry.fingerprint,
        f"{entry.parameters / 1e6:.2f} M",
        "missing" if count is None else format_bytes(count),
        f"{entry.encode_kmac_per_pixel:.1f}",
        f"{entry.decode_kmac_per_pixel:.1f}",
        entry.licence,
        str(path),
    )


def _bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
