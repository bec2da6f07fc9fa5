"""``cnncompress models``."""

from __future__ import annotations

import dataclasses
import json

import click

from cnncompress.cli.tables import table
from cnncompress.manifest import Entry, Manifest, read_manifest

JSON_SCHEMA = 1

_HEADINGS = ("name", "fingerprint", "parameters", "encode kMAC/pixel", "decode kMAC/pixel", "licence", "file")


@click.command("models", short_help="List the installed models.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line for each model, with its training record."
)
def command(as_json: bool) -> None:
    """List the installed models: size, and multiply-accumulates per pixel.

    \b
    Examples:
      cnncompress models
      cnncompress models --json

    The fingerprint is what .cnc files hold to name the model that they need. The default model has a star.
    """
    manifest = read_manifest()
    if as_json:
        for entry in manifest.entries:
            facts = {**dataclasses.asdict(entry), "fingerprint": entry.fingerprint}
            click.echo(json.dumps({"schema": JSON_SCHEMA, "default": entry.name == manifest.default, **facts}))
    else:
        click.echo(table([_HEADINGS, *(_row(entry, manifest) for entry in manifest.entries)]))


def _row(entry: Entry, manifest: Manifest) -> tuple[str, ...]:
    return (
        entry.name + ("*" if entry.name == manifest.default else ""),
        entry.fingerprint,
        f"{entry.parameters / 1e6:.2f} M",
        f"{entry.encode_kmac_per_pixel:.1f}",
        f"{entry.decode_kmac_per_pixel:.1f}",
        entry.licence,
        str(manifest.directory / entry.file),
    )
