"""Makes a shippable model of a checkpoint: ``python scripts/export.py runs/base.pt IMAGES... --name base``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cnncompress.errors import CnncompressError
from cnncompress.model.manifest import models_directory
from cnncompress.training.checkpoint import load_checkpoint
from cnncompress.training.data import load_images
from cnncompress.training.export import export


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--name", default="base", help="Name of the model.")
@click.option("--directory", default=models_directory(), type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--licence", default="Apache-2.0", help="Licence of the weights.")
@click.option("--source", "sources", multiple=True, help="A source of the training images, with its licence.")
@click.option("--count", default=320, type=click.IntRange(min=1), help="Images on which symbols are counted.")
def main(
    checkpoint: Path,
    images: tuple[Path, ...],
    name: str,
    directory: Path,
    licence: str,
    sources: tuple[str, ...],
    count: int,
) -> None:
    """Export CHECKPOINT; its symbol tables are counted on IMAGES (files, folders or tars)."""
    try:
        held_out = load_checkpoint(checkpoint).held_out
        pool = [image for key, image in load_images(images).items() if key not in held_out]
        chosen = pool[:: max(1, len(pool) // count)][:count]
        entry = export(checkpoint, name, chosen, directory, licence=licence, data_sources=list(sources))
    except (CnncompressError, OSError) as error:
        sys.exit(f"export: {error}")
    click.echo(
        f"{entry.name} {entry.fingerprint}: {entry.parameters / 1e6:.2f} M parameters, "
        f"{entry.encode_kmac_per_pixel} kMAC/pixel encode, {entry.decode_kmac_per_pixel} kMAC/pixel decode"
    )


if __name__ == "__main__":
    main()
