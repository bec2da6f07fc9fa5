"""The command line with its codec and the packaged model: files, pipes, and errors from inside."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from PIL import Image
from sample_files import encoded


@pytest.fixture
def picture() -> Image.Image:
    """A smooth picture of odd size with an alpha plane."""
    rows, columns = np.mgrid[0:45, 0:70]
    planes = [rows * 5, columns * 3, 255 - rows * 2 - columns, (rows * columns) % 256]
    return Image.fromarray(np.stack(planes, axis=2).astype(np.uint8))


@pytest.fixture
def image(picture: Image.Image, tmp_path: Path) -> Path:
    path = tmp_path / "image.png"
    picture.convert("RGB").save(path)
    return path


def test_file_to_file_and_back(image: Path, tmp_path: Path) -> None:
    packed, back = tmp_path / "image.cnc", tmp_path / "back.png"
    result = run(
        "compress", "-q", "80", "--coding", "learned", "--device", "cpu", "--if-larger", "keep", "--json", image, packed
    )
    assert (result.exit_code, result.stderr) == (0, "")
    facts = json.loads(result.stdout.splitlines()[0])
    assert (facts["status"], facts["coding"], facts["quality"], facts["device"]) == ("ok", "learned", 80.0, "cpu")
    result = run("decompress", "--device", "cpu", packed, back)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")

    facts = json.loads(run("info", "--json", packed).stdout)
    assert (facts["width"], facts["height"], facts["mode"], facts["quality"]) == (70, 45, "RGB", 80.0)
    assert facts["input_bytes"] == packed.stat().st_size and facts["model"] is not None
    before, after = np.asarray(Image.open(image), float), np.asarray(Image.open(back), float)
    assert before.shape == after.shape
    assert np.mean((before - after) ** 2) < 100  # 28 dB


def test_pipe_keeps_alpha(picture: Image.Image) -> None:
    packed = run("compress", "-", "-", data=encoded(picture))
    back = run("decompress", "-", "-", data=packed.stdout_bytes)
    assert packed.stderr == back.stderr == ""
    decoded = Image.open(io.BytesIO(back.stdout_bytes))
    assert (decoded.format, decoded.mode, decoded.size) == ("PNG", "RGBA", (70, 45))
    assert (np.asarray(decoded)[..., 3] == np.asarray(picture)[..., 3]).all()


def test_format_follows_the_ending_or_the_option(image: Path, tmp_path: Path) -> None:
    packed = tmp_path / "image.cnc"
    assert run("compress", image, packed).exit_code == 0
    for name, options, expected in [
        ("a.jpg", [], "JPEG"),
        ("b.ppm", [], "PPM"),
        ("c", ["--format", "tiff"], "TIFF"),
    ]:
        assert run("decompress", *options, packed, "-o", tmp_path / name).exit_code == 0
        with Image.open(tmp_path / name) as decoded:
            assert decoded.format == expected
    assert run("decompress", packed, tmp_path / "a.jpg").exit_code == 5
    assert run("decompress", "-f", packed, tmp_path / "a.jpg").exit_code == 0


def test_transparency_and_jpeg(picture: Image.Image, tmp_path: Path) -> None:
    source, packed, target = tmp_path / "image.png", tmp_path / "image.cnc", tmp_path / "out.jpg"
    picture.save(source)
    assert run("compress", source, packed).exit_code == 0
    result = run("decompress", packed, target)
    assert result.exit_code == 5
    assert result.stderr == f"cnncompress: {target}: jpg has no transparency; use one of png, webp, tiff, avif, npy\n"
    assert not target.exists()


@pytest.mark.parametrize(
    ("data", "exit_code"), [(b"not an image", 3), (b"\x89PNG\r\n\x1a\n", 3), (b"P6 60000 60000 255\n", 9)]
)
def test_unusable_images(data: bytes, exit_code: int, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out.cnc"
    source.write_bytes(data)
    result = run("compress", source, target)
    assert result.exit_code == exit_code
    assert result.stderr.startswith(f"cnncompress: {source}: ") and result.stderr.count("\n") == 1
    assert not target.exists()


def test_damaged_file(image: Path, tmp_path: Path) -> None:
    packed, target = tmp_path / "image.cnc", tmp_path / "out.png"
    assert run("compress", image, packed).exit_code == 0
    data = packed.read_bytes()
    for damaged in (data[:-1], data[:-1] + bytes([data[-1] ^ 1]), data + b"\0", b"", b"hello"):
        packed.write_bytes(damaged)
        result = run("decompress", packed, target)
        assert result.exit_code == 4
        assert result.stderr.startswith(f"cnncompress: {packed}: ") and result.stderr.count("\n") == 1
        assert not target.exists()


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [
        (["--model", "no-such-model"], 6),
        (["--model", "missing/model.safetensors"], 6),
        (["--device", "cuda:99"], 7),
    ],
)
def test_absent_models_and_devices(options: list[str], exit_code: int, image: Path, tmp_path: Path) -> None:
    result = run("compress", *options, image, tmp_path / "out.cnc")
    assert result.exit_code == exit_code
    assert result.stderr.startswith("cnncompress: ") and result.stderr.count("\n") == 1
    assert not (tmp_path / "out.cnc").exists()
