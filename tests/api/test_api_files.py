"""Files by their path: errors that name them, and images that are saved."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

import cnncompress
from cnncompress.errors import BadMagic, OutputError, OutputExists, OutsideImage, UnreadableImage

IMAGE = Image.new("RGB", (20, 10), "gray")


def test_errors_name_the_file(tmp_path: Path) -> None:
    missing, bad = tmp_path / "missing.png", tmp_path / "bad.cnc"
    bad.write_bytes(b"GIF89a, and so on")
    with pytest.raises(UnreadableImage, match=r"/missing\.png: no such file"):
        cnncompress.compress(missing)
    with pytest.raises(UnreadableImage, match=r"/missing\.png: no such file"):
        cnncompress.decompress(str(missing))
    with pytest.raises(BadMagic, match=r"/bad\.cnc: not a \.cnc file"):
        cnncompress.decompress(bad)
    with pytest.raises(BadMagic, match=r"/bad\.cnc: not a \.cnc file"):
        cnncompress.restore_original(bad)
    with pytest.raises(BadMagic, match=r"/bad\.cnc: not a \.cnc file"):
        cnncompress.info(bad)
    bad.write_bytes(cnncompress.compress(IMAGE, coding="lossless"))
    with pytest.raises(OutsideImage, match=r"/bad\.cnc: 9x9 pixels from 15,5 are not"):
        cnncompress.decompress(bad, crop=(15, 5, 9, 9))
    with pytest.raises(BadMagic, match=r"^not a \.cnc file"):
        cnncompress.decompress(b"GIF89a, and so on")


def test_the_ending_decides_the_format(tmp_path: Path) -> None:
    cnncompress.save_image(IMAGE, tmp_path / "a.webp")
    cnncompress.save_image(IMAGE, str(tmp_path / "b.png"), "jpg", 30)
    kinds = []
    for name in ("a.webp", "b.png"):
        with Image.open(tmp_path / name) as image:
            kinds.append(image.format)
    assert kinds == ["WEBP", "JPEG"]
    with pytest.raises(OutputError, match=r"/a\.xyz: the ending is not one of png"):
        cnncompress.save_image(IMAGE, tmp_path / "a.xyz")
    with pytest.raises(OutputError, match="format is None"):
        cnncompress.save_image(IMAGE, io.BytesIO())
    with pytest.raises(OutputError, match="png has no quality"):
        cnncompress.save_image(IMAGE, io.BytesIO(), "png", 50)


def test_nothing_is_replaced_silently(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(OutputExists, match=r"/a\.png: exists already; overwrite=True replaces it"):
        cnncompress.save_image(IMAGE, path)
    assert path.read_bytes() == b"old"
    cnncompress.save_image(IMAGE, path, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG") and list(tmp_path.iterdir()) == [path]


def test_a_dash_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cnncompress.save_image(IMAGE, "-", "png")
    assert (tmp_path / "-").read_bytes().startswith(b"\x89PNG")
