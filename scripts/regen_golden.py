"""Writes the golden files of a model: ``python scripts/regen_golden.py``.

Golden files hold every later version to this one: ``tests/stories/test_golden.py`` decodes them and compares symbols
and pixels. They are written once for each model that is shipped; the files of models that stay in the manifest stay as
they are, and those of models that are no longer in it are removed. If an unchanged model's files change, files of users
have become unreadable: that is a bug, and not a reason to run this script.

Each entry of ``golden.json`` names a .cnc file, its model, the SHA-256 of its symbols (of each tile the hyper-latent,
then the latent, as little-endian int32 in the order of the format), and a PNG of the decoded pixels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from cnncompress.api import Codec
from cnncompress.bitstream.container import ChunkType, unpack
from cnncompress.codec.latents import Latents, LatentTransform
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.tiles import TileGrid
from cnncompress.entropy.coder import EntropyModel
from cnncompress.model.manifest import read_manifest
from cnncompress.model.weights import load_weights

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden"
LIST_NAME = "golden.json"
TILE_SIDE = 64


def cases() -> Iterator[tuple[str, Image.Image, float]]:
    """Name, image and quality of every golden file of a model."""
    astronaut, coffee, chelsea = data.astronaut(), data.coffee(), data.chelsea()

    def crop(pixels: NDArray[np.uint8], left: int, top: int, width: int, height: int) -> Image.Image:
        return Image.fromarray(np.ascontiguousarray(pixels[top : top + height, left : left + width]))

    def with_alpha(image: Image.Image) -> Image.Image:
        rows, columns = np.mgrid[0 : image.height, 0 : image.width]
        image.putalpha(Image.fromarray(((rows * 7 + columns * columns) % 256).astype(np.uint8)))
        return image

    for quality in (0, 50, 100):
        yield f"photo-q{quality}", crop(astronaut, 180, 60, 96, 64), quality
    yield "gray", crop(chelsea, 120, 80, 70, 50).convert("L"), 60
    yield "gray-alpha", with_alpha(crop(coffee, 200, 100, 40, 66).convert("L")), 33.33
    yield "rgba", with_alpha(crop(coffee, 300, 150, 65, 40)), 75
    # Dithered, so that the lossless form is the longer one.
    yield "black-and-white", crop(astronaut, 180, 60, 96, 64).convert("1"), 0
    tagged = crop(astronaut, 180, 60, 33, 40)
    tagged.info.update(icc_profile=b"profile", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", xmp=b"<x/>")
    yield "metadata", tagged, 50
    yield "1x1", crop(coffee, 250, 150, 1, 1), 50
    yield "17x31", crop(astronaut, 220, 110, 17, 31), 90.01
    yield "1x300", crop(chelsea, 200, 0, 1, 300), 25
    yield "300x1", crop(chelsea, 0, 150, 300, 1), 14.29
    noise = np.random.default_rng(1).integers(0, 2, (40, 64, 3), dtype=np.uint8) * 255
    yield "tiled", with_alpha(crop(chelsea, 100, 60, 150, 100)), 45
    yield "noise", Image.fromarray(noise), 100  # far outside of what the model expects: large symbols, escapes


def symbols_sha256(tiles: Iterable[Latents]) -> str:
    """SHA-256 of the symbols: of each tile z, then y, as little-endian int32."""
    digest = hashlib.sha256()
    for latents in tiles:
        for part in (latents.z, latents.y):
            digest.update(part.numpy().astype("<i4").tobytes())
    return digest.hexdigest()


def write_case(
    name: str, source: Image.Image, quality: float, codec: Codec, pipeline: ImagePipeline, folder: Path
) -> dict[str, Any]:
    """Writes one golden file and its pixels; returns its entry."""
    file, pixels = f"{codec.model}-{name}.cnc", f"{codec.model}-{name}.png"
    packed = codec.compress(source, quality, tile=TILE_SIDE if name == "tiled" else None)
    (folder / file).write_bytes(packed)
    image = codec.decompress(packed)
    image.info.clear()
    image.save(folder / pixels, optimize=True)
    container = unpack(packed)
    header = container.header
    grid = TileGrid.of(header)
    areas = [grid.tile(number) for number in range(len(grid))]
    tiles = [
        pipeline.unpack(payload, (area.height, area.width), header.quality_hundredths)
        for area, payload in zip(areas, container.payloads(ChunkType.LATENTS), strict=True)
    ]
    return {
        "file": file,
        "pixels": pixels,
        "model": codec.model,
        "fingerprint": codec.fingerprint.hex(),
        "symbols_sha256": symbols_sha256(tiles),
    }


def kept_entries(folder: Path, renewed: str) -> list[dict[str, Any]]:
    """Entries of other models that are still shipped; the files of all the others are removed."""
    path = folder / LIST_NAME
    entries = json.loads(path.read_text(encoding="utf-8"))["files"] if path.exists() else []
    manifest = read_manifest()
    kept = [entry for entry in entries if entry["model"] != renewed and manifest.by_fingerprint(entry["fingerprint"])]
    for entry in entries:
        if entry not in kept:
            (folder / entry["file"]).unlink(missing_ok=True)
            (folder / entry["pixels"]).unlink(missing_ok=True)
    return kept


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--model", help="Name of the model; the default one without it.")
@click.option("--directory", default=GOLDEN, type=click.Path(path_type=Path), help="Folder to write to.")
def main(model: str | None, directory: Path) -> None:
    """Write the golden files of a model anew."""
    torch.set_num_threads(1)
    codec = Codec(model, "cpu")
    weights = load_weights(codec.model)
    transform = LatentTransform(weights.network, weights.scales, torch.device("cpu"))
    pipeline = ImagePipeline(transform, EntropyModel(weights.tables))
    directory.mkdir(parents=True, exist_ok=True)
    entries = kept_entries(directory, codec.model)
    entries += [write_case(*case, codec, pipeline, directory) for case in cases()]
    text = json.dumps({"schema": 1, "files": entries}, indent=2) + "\n"
    (directory / LIST_NAME).write_text(text, encoding="utf-8")
    size = sum(path.stat().st_size for path in directory.iterdir())
    click.echo(f"{codec.model} {codec.fingerprint.hex()}: {len(entries)} golden files, {size} bytes in all")


if __name__ == "__main__":
    main()
