"""Writes golden files that need no model: ``python scripts/regen_golden_plain.py``.

They hold every later version to this one: ``tests/stories/test_golden_plain.py`` decodes them and compares pixels,
metadata and originals. A file that is there is never written again, because users have files like it; only new cases
are added.

Each entry of ``golden.json`` names a .cnc file, a PNG of its pixels, and SHA-256 sums of what it carries.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageCms
from skimage import data

from cnncompress import ImageSettings, SourceRecord, compress, decompress, restore_original, store_original

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "plain"
LIST_NAME = "golden.json"


def cases() -> Iterator[tuple[str, bytes]]:
    """Name and .cnc file of every golden file."""
    photograph = Image.fromarray(np.ascontiguousarray(data.coffee()[150:173, 250:281]))
    ramp = Image.linear_gradient("L").resize(photograph.size)
    for mode in ("1", "L", "LA", "RGB", "RGBA"):
        image = photograph.convert(mode)
        if mode.endswith("A"):
            image.putalpha(ramp)
        yield f"lossless-{mode.lower()}", compress(image, coding="lossless")
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


def sums(packed: bytes) -> dict[str, str]:
    """SHA-256 of each part that a file carries beside its pixels."""
    found = {key: value for key, value in decompress(packed).info.items() if key in ("icc_profile", "exif", "xmp")}
    original = restore_original(packed)
    if original is not None:
        found["original"] = original.data
    return {key: hashlib.sha256(value).hexdigest() for key, value in sorted(found.items())}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--directory", default=GOLDEN, type=click.Path(path_type=Path), help="Folder to write to.")
def main(directory: Path) -> None:
    """Write the golden files that are not there yet."""
    directory.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, packed in cases():
        path, pixels = directory / f"{name}.cnc", directory / f"{name}.png"
        if not path.exists():
            path.write_bytes(packed)
            image = decompress(packed)
            image.info.clear()
            image.save(pixels, optimize=True)
        entries.append({"file": path.name, "pixels": pixels.name, "sha256": sums(path.read_bytes())})
    text = json.dumps({"schema": 1, "files": entries}, indent=2) + "\n"
    (directory / LIST_NAME).write_text(text, encoding="utf-8")
    click.echo(f"{len(entries)} golden files")


if __name__ == "__main__":
    main()
