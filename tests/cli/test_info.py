"""``info`` with the tiles of a file, and the picture of its bits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from numpy.typing import NDArray
from PIL import ExifTags, Image

from cnncompress.api.codec import Codec
from cnncompress.bitstream.chunks import Chunk, ChunkType
from cnncompress.bitstream.container import pack, unpack

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def packed(codec: Codec, coffee: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 150x130 pixels in 2x2 tiles."""
    path = tmp_path_factory.mktemp("info") / "photo.cnc"
    path.write_bytes(codec.compress(coffee[:130, :150], 60, coding="learned", tile=64))
    return path


def test_tiles(packed: Path) -> None:
    size, *tiles = (
        line.split() for line in run("info", "-v", packed).stdout.splitlines() if line and "photo.cnc" not in line
    )
    assert size[0] == "size" and tiles[0] == ["tile", "left", "top", "width", "height", "bytes", "bpp"]
    assert [row[:5] for row in tiles[1:]] == [
        ["1", "0", "0", "64", "64"],
        ["2", "64", "0", "86", "64"],
        ["3", "0", "64", "64", "66"],
        ["4", "64", "64", "86", "66"],
    ]
    assert f"latents:{sum(int(row[5]) for row in tiles[1:])} " in run("info", packed).stdout


def test_a_file_without_tiles_lists_none(codec: Codec, coffee: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "exact.cnc"
    path.write_bytes(codec.compress(coffee[:20, :20], coding="lossless"))
    assert len(run("info", "-v", path).stdout.splitlines()) == 2


def test_bits(packed: Path, tmp_path: Path) -> None:
    picture = tmp_path / "bits.png"
    result = run("info", "--bits", picture, packed)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1].startswith("12x12 blocks of 16x16 pixels, ")
    with Image.open(picture) as image:
        assert image.size == (150, 130)
        pixels = np.asarray(image)
    assert (pixels[:16, :16] == pixels[0, 0]).all() and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20

    refused = run("info", "--bits", picture, packed)
    assert (refused.exit_code, refused.stderr.count("\n")) == (5, 1)
    bits = json.loads(run("info", "--json", "-f", "--bits", picture, packed).stdout)["bits"]
    assert bits["sum"] == pytest.approx(bits["payload"], abs=4 * 64)


def test_bits_need_one_file_that_a_model_coded(packed: Path, codec: Codec, coffee: Pixels, tmp_path: Path) -> None:
    picture, exact = tmp_path / "bits.png", tmp_path / "exact.cnc"
    exact.write_bytes(codec.compress(coffee[:20, :20], coding="lossless"))
    several, lossless = run("info", "--bits", picture, packed, packed), run("info", "--bits", picture, exact)
    assert several.exit_code == 2 and "single FILE" in several.stderr
    assert lossless.exit_code == 2 and "this one is lossless" in lossless.stderr
    assert not picture.exists()


def test_a_model_is_for_bits_alone(packed: Path) -> None:
    refused = run("info", "--model", "base", packed)
    assert (refused.exit_code, refused.stdout) == (2, "") and "--model needs --bits" in refused.stderr


def test_folders_are_searched(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name in ("a.cnc", "sub/b"):
        (tmp_path / "in" / name).write_bytes(packed.read_bytes())
    (tmp_path / "in" / "damaged.cnc").write_bytes(packed.read_bytes()[:40])
    (tmp_path / "in" / "notes.txt").write_text("text")
    result = run("info", "-r", tmp_path / "in")
    assert result.exit_code == 1
    assert [line.split()[-1] for line in result.stdout.splitlines()[1:]] == [
        f"{tmp_path}/in/{name}" for name in ("a.cnc", "sub/b")
    ]
    first, last = result.stderr.splitlines()
    assert first.startswith(f"cnncompress: {tmp_path}/in/damaged.cnc: ")
    assert last == "cnncompress: skipped 1 file that is not a .cnc file: 1 .txt"
    folder = run("info", tmp_path / "in")
    assert folder.exit_code == 3 and "is a folder; -r searches folders" in folder.stderr


def test_exif(codec: Codec, coffee: Pixels, tmp_path: Path, packed: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "X\n1"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    Image.fromarray(coffee[:20, :20]).save(tmp_path / "photo.png", exif=exif)
    (tmp_path / "photo.cnc").write_bytes(codec.compress(tmp_path / "photo.png", coding="lossless"))
    text = run("info", "-v", tmp_path / "photo.cnc").stdout
    assert "camera    X\\n1\n" in text and "position  yes" in text
    assert "position" not in run("info", tmp_path / "photo.cnc").stdout
    facts = json.loads(run("info", "--json", tmp_path / "photo.cnc").stdout)["exif"]
    assert facts == {"camera": "X\n1", "lens": None, "taken": None, "orientation": None, "position": True}
    assert "exif" not in json.loads(run("info", "--json", packed).stdout)


def test_exif_of_a_stored_original(coffee: Pixels, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "X1"
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(coffee[100:200, 100:250]).save(tmp_path / "photo.jpg", exif=exif, quality=30)
    assert run("compress", "-q", 100, tmp_path / "photo.jpg").exit_code == 0
    facts = json.loads(run("info", "--json", tmp_path / "photo.cnc").stdout)
    assert (facts["coding"], facts["exif"]["camera"], facts["exif"]["orientation"]) == ("stored", "X1", 6)
    damaged = (tmp_path / "photo.jpg").read_bytes()[:30]
    container = unpack((tmp_path / "photo.cnc").read_bytes())
    (tmp_path / "damaged.cnc").write_bytes(pack(replace(container, chunks=(Chunk(ChunkType.ORIGINAL, damaged),))))
    result = run("info", "--json", tmp_path / "damaged.cnc")
    assert result.exit_code == 0 and "exif" not in json.loads(result.stdout)
