"""Writes the golden files that are not there yet: ``python scripts/regen_golden.py``.

Golden files hold every later version to this one. ``tests/stories/test_golden.py`` decodes those of a model and
compares symbols and pixels, ``test_golden_plain.py`` those that need no model. A file that is there is never written
again nor removed, because users have files like it; only the files of a new model and new cases are added.

Each entry of a ``golden.json`` names a .cnc file and a PNG of the decoded pixels. Beside them stand, for a file of a
model, name and fingerprint of the model and the SHA-256 of the symbols (of each tile the hyper-latent, then the latent,
as little-endian int32 in the order of the format); for a file without a model SHA-256 sums of what it carries beside
its pixels.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from skimage import data

from cnncompress import ImageSettings, SourceRecord, compress, decompress, restore_original, store_original
from cnncompress.api.codec import Codec
from cnncompress.bitstream.container import ChunkType, unpack
from cnncompress.codec.latents import Latents, LatentTransform
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.tiles import TileGrid
from cnncompress.engines.choice import load_engine
from cnncompress.entropy.coder import EntropyModel
from cnncompress.model.weights import load_weights

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden"
LIST_NAME = "golden.json"
TILE_SIDE = 64

Entry = dict[str, Any]


def model_cases() -> Iterator[tuple[str, Image.Image, float]]:
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
    yield "gray-in-rgb", crop(chelsea, 120, 80, 70, 50).convert("L").convert("RGB"), 60
    yield "gray-alpha", with_alpha(crop(coffee, 200, 100, 40, 66).convert("L")), 33.33
    yield "rgba", with_alpha(crop(coffee, 300, 150, 65, 40)), 75
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


def plain_cases() -> Iterator[tuple[str, bytes]]:
    """Name and .cnc file of every golden file that needs no model."""
    photograph = Image.fromarray(np.ascontiguousarray(data.coffee()[150:173, 250:281]))
    ramp = Image.linear_gradient("L").resize(photograph.size)
    for mode in ("1", "L", "LA", "RGB", "RGBA"):
        image = photograph.convert(mode)
        if mode.endswith("A"):
            image.putalpha(ramp)
        yield f"lossless-{mode.lower()}", compress(image, coding="lossless")
        yield f"avif-{mode.lower()}", compress(image, 70, coding="avif")
    for mode in ("RGB", "RGBA"):
        image = photograph.convert("L").convert(mode)
        if mode.endswith("A"):
            image.putalpha(ramp)
        yield f"lossless-gray-in-{mode.lower()}", compress(image, coding="lossless")
        yield f"avif-gray-in-{mode.lower()}", compress(image, 70, coding="avif")
    yield "lossless-opaque", compress(photograph.convert("RGBA"), coding="lossless")
    yield "lossless-long", compress(np.arange(16384, dtype=np.uint32).astype(np.uint8)[None], coding="lossless")

    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 8, "Maker"
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photograph.info.update(exif=exif.tobytes(), icc_profile=profile, xmp=b'<x tiff:Orientation="8"/>')
    yield "metadata", compress(photograph, coding="lossless", source=SourceRecord("JPEG", 1 << 33))
    yield "no-position", compress(photograph, coding="lossless", settings=ImageSettings(strip=frozenset({"gps"})))

    stream = io.BytesIO()
    photograph.save(stream, "PNG", exif=photograph.info["exif"])
    yield "stored-png", store_original(stream.getvalue(), source=SourceRecord("", len(stream.getvalue())))
    stream = io.BytesIO()
    photograph.quantize(4).save(stream, "GIF")
    yield "stored-gif", store_original(stream.getvalue())

    palette = photograph.quantize(16)
    yield "palette", compress(palette, coding="lossless")
    palette.info["transparency"] = 3
    yield "palette-transparent", compress(palette, coding="lossless")
    yield "lossless-1x1", compress(photograph.crop((0, 0, 1, 1)), coding="lossless")


def add_model_files(folder: Path, codec: Codec) -> int:
    """Adds the golden files of a model; returns how many there are of all models.

    Raises:
        FileExistsError: A model that was shipped under the same name has files of these names.
    """
    weights = load_weights(codec.model)
    engine = load_engine(weights, "auto", "cpu", "auto", threads=1)
    pipeline = ImagePipeline(LatentTransform(engine, weights.scales), EntropyModel(weights.tables))
    entries = read_list(folder)
    for name, image, quality in model_cases():
        file, fingerprint = f"{codec.model}-{name}.cnc", codec.fingerprint.hex()
        listed = next((entry for entry in entries if entry["file"] == file), None)
        if listed is None:
            tile = TILE_SIDE if name == "tiled" else None
            if not (folder / file).exists():
                (folder / file).write_bytes(codec.compress(image, quality, coding="learned", tile=tile))
            packed = (folder / file).read_bytes()
            entry = write_pixels(folder, file, codec.decompress(packed))
            entry |= {"model": codec.model, "fingerprint": fingerprint}
            entries.append({**entry, "symbols_sha256": symbols_sha256(symbols(packed, pipeline))})
        elif listed["fingerprint"] != fingerprint:
            raise FileExistsError(f"{file} is of model {listed['fingerprint']}: give {fingerprint} a name of its own")
    write_list(folder, entries)
    return len(entries)


def add_plain_files(folder: Path) -> int:
    """Adds the golden files that need no model; returns how many there are."""
    entries = read_list(folder)
    for name, packed in plain_cases():
        file = f"{name}.cnc"
        if all(entry["file"] != file for entry in entries):
            if not (folder / file).exists():
                (folder / file).write_bytes(packed)
            written = (folder / file).read_bytes()
            entry = write_pixels(folder, file, decompress(written))
            entries.append({**entry, "sha256": sha256_of_parts(written)})
    write_list(folder, entries)
    return len(entries)


def write_pixels(folder: Path, file: str, image: Image.Image) -> Entry:
    """Writes the pixels of a .cnc file, unless they are there; returns the names of both."""
    pixels = Path(file).with_suffix(".png").name
    if not (folder / pixels).exists():
        image.info.clear()
        image.save(folder / pixels, optimize=True)
    return {"file": file, "pixels": pixels}


def symbols(packed: bytes, pipeline: ImagePipeline) -> Iterator[Latents]:
    """Decodes the symbols of each tile."""
    container = unpack(packed)
    grid = TileGrid.of(container.header)
    for number, payload in enumerate(container.payloads(ChunkType.LATENTS)):
        area = grid.tile(number)
        yield pipeline.unpack(payload, (area.height, area.width), container.header.quality_hundredths)


def symbols_sha256(tiles: Iterable[Latents]) -> str:
    """Returns the SHA-256 of the symbols: of each tile z, then y, as little-endian int32."""
    digest = hashlib.sha256()
    for latents in tiles:
        for part in (latents.z, latents.y):
            digest.update(part.astype("<i4").tobytes())
    return digest.hexdigest()


def sha256_of_parts(packed: bytes) -> dict[str, str]:
    """Returns the SHA-256 of each part that a file carries beside its pixels."""
    found = {key: value for key, value in decompress(packed).info.items() if key in ("icc_profile", "exif", "xmp")}
    original = restore_original(packed)
    if original is not None:
        found["original"] = original.data
    return {key: hashlib.sha256(value).hexdigest() for key, value in sorted(found.items())}


def read_list(folder: Path) -> list[Entry]:
    """Reads the entries of a folder; none where it has no list."""
    path = folder / LIST_NAME
    entries: list[Entry] = json.loads(path.read_text(encoding="utf-8"))["files"] if path.exists() else []
    return entries


def write_list(folder: Path, entries: list[Entry]) -> None:
    """Writes the entries of a folder."""
    text = json.dumps({"schema": 1, "files": entries}, indent=2) + "\n"
    (folder / LIST_NAME).write_text(text, encoding="utf-8")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--model", help="Name of the model; the default one without it.")
@click.option("--directory", default=GOLDEN, type=click.Path(path_type=Path), help="Folder to write to.")
def main(model: str | None, directory: Path) -> None:
    """Write the golden files of a model, and those without one, that are not there yet."""
    plain = directory / "plain"
    plain.mkdir(parents=True, exist_ok=True)
    codec = Codec(model, "cpu", threads=1)
    try:
        counts = add_model_files(directory, codec), add_plain_files(plain)
    except FileExistsError as error:
        sys.exit(f"regen_golden: {error}")
    click.echo(f"{codec.model} {codec.fingerprint.hex()}: {counts[0]} golden files, and {counts[1]} without a model")


if __name__ == "__main__":
    main()
