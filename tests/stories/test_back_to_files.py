"""From .cnc files back to image files: the kind that went in, the quality asked for, and what must not be replaced."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from command_line import run
from lossless_runs import compress
from PIL import Image

import cnncompress


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def photo() -> Image.Image:
    return Image.radial_gradient("L").resize((60, 40)).convert("RGB")


def kind_of(path: str | Path) -> str | None:
    with Image.open(path) as image:
        return image.format


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.webp", "WEBP"), ("a.tif", "TIFF"), ("a.bmp", "BMP"), ("a.png", "PNG")],
)
def test_the_kind_that_went_in(name: str, kind: str, folder: Path) -> None:
    photo().save(name)
    assert compress("--if-larger", "keep", name).exit_code == 0
    Path(name).rename("original")
    result = run("decompress", "--format", "same", "a.cnc")
    assert (result.exit_code, result.stderr) == (0, "")
    assert kind_of(name) == kind
    piped = run("decompress", "--format", "same", "a.cnc", "-").stdout_bytes
    assert Image.open(io.BytesIO(piped)).format == kind


def test_in_a_folder_each_file_gets_its_own_kind(folder: Path) -> None:
    Path("in").mkdir()
    for name in ("a.jpg", "b.png"):
        photo().save(f"in/{name}")
    assert compress("-r", "--if-larger", "keep", "in", "-d", "packed").exit_code == 0
    result = run("decompress", "-r", "packed", "-d", "back", "--format", "same", "--output-quality", "50")
    assert result.exit_code == 0
    assert [kind_of(f"back/{name}") for name in ("a.jpg", "b.png")] == ["JPEG", "PNG"]


def test_kinds_that_cannot_be_written_or_are_not_known(folder: Path) -> None:
    photo().save("a.gif")
    assert compress("--if-larger", "keep", "a.gif").exit_code == 0
    result = run("decompress", "--format", "same", "a.cnc")
    assert result.exit_code == 0 and "cannot be written as gif; becomes a png" in result.stderr
    Path("b.cnc").write_bytes(cnncompress.compress(photo(), coding="lossless"))
    result = run("decompress", "--format", "same", "b.cnc")
    assert result.exit_code == 0 and "does not tell what it was made from, and becomes a png" in result.stderr
    assert kind_of("a.png") == kind_of("b.png") == "PNG"


@pytest.mark.parametrize("ending", ["jpg", "webp", "avif"])
def test_quality_of_outputs(ending: str, folder: Path) -> None:
    Image.effect_noise((64, 64), 50).save("a.png")
    assert compress("a.png").exit_code == 0
    sizes = []
    for quality in (90, 20):
        assert run("decompress", "-f", "a.cnc", f"a.{ending}", "--output-quality", str(quality)).exit_code == 0
        sizes.append(Path(f"a.{ending}").stat().st_size)
    assert sizes[1] < 0.7 * sizes[0]


def test_formats_without_a_quality(folder: Path) -> None:
    for args in (["a.cnc"], ["a.cnc", "a.png"], ["--format", "bmp", "a.cnc"]):
        result = run("decompress", "--output-quality", "50", *args)
        assert result.exit_code == 2 and "--output-quality is for jpg, webp, avif" in result.stderr


def test_no_hint_replaces_an_original(folder: Path) -> None:
    photo().save("a.png")
    original = Path("a.png").read_bytes()
    assert compress("--if-larger", "keep", "a.png").exit_code == 0
    result = run("decompress", "a.cnc")
    assert result.exit_code == 5 and "-f" not in result.stderr
    assert "a.png: exists already; -o or -d writes elsewhere; it may be the original" in result.stderr
    assert Path("a.png").read_bytes() == original
    Path("a.png").write_bytes(b"something else")
    assert "exists already; -o or -d writes elsewhere, -f replaces it" in run("decompress", "a.cnc").stderr
    Path("b.cnc").write_bytes(cnncompress.compress(photo(), coding="lossless"))
    Path("b.png").touch()
    assert "it may be the original" in run("decompress", "b.cnc").stderr  # nobody knows


def test_the_size_of_what_was_written(folder: Path) -> None:
    photo().save("a.png")
    assert compress("--if-larger", "keep", "a.png").exit_code == 0
    for option, value, size in (("--crop", "1,2,16,8", (16, 8)), ("--scale", "1/4", (15, 10))):
        result = run("decompress", "-v", "--json", "-f", option, value, "a.cnc", "b.png")
        assert f"  {size[0]}x{size[1]}  " in result.stderr and "%" not in result.stderr
        facts = json.loads(result.stdout.splitlines()[0])
        assert (facts["width"], facts["height"]) == size
