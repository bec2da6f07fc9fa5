"""Makes a shippable model of a checkpoint: ``export.py base.safetensors.checkpoint IMAGES... --name NAME``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cnncompress.errors import CnncompressError
from cnncompress.model.manifest import models_directory
from cnncompress.training.checkpoint import load_checkpoint
from cnncompress.training.data import hold_out, load_images
from cnncompress.training.export import counting_images, export


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--name", default="base", help="Name of the model.")
@click.option("--directory", default=models_directory(), type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--licence", default="Apache-2.0", help="Licence of the weights.")
@click.option("--source", "sources", multiple=True, help="A source of the training images, with its licence.")
def main(
    checkpoint: Path,
    images: tuple[Path, ...],
    name: str,
    directory: Path,
    licence: str,
    sources: tuple[str, ...],
) -> None:
    """Export CHECKPOINT; its symbol tables are counted on IMAGES (files, folders or tars)."""
    try:
        state = load_checkpoint(checkpoint)
        pool, _ = hold_out(load_images(images), state.held_out)
        counted = counting_images(list(pool.values()))
        entry = export(state, name, counted, directory, licence=licence, data_sources=list(sources))
    except (CnncompressError, OSError) as error:
        sys.exit(f"export: {error}")
    click.echo(
        f"{entry.name} {entry.fingerprint}: {entry.parameters / 1e6:.2f} M parameters, "
        f"{entry.encode_kmac_per_pixel} kMAC/pixel encode, {entry.decode_kmac_per_pixel} kMAC/pixel decode"
    )


if __name__ == "__main__":
    main()
