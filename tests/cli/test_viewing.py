"""Opening pictures in a viewer, and thumbnails for file managers."""

from __future__ import annotations

import configparser
import os
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from numpy.typing import NDArray
from PIL import Image

import cnncompress
from cnncompress.cli import view
from cnncompress.engines import choice
from cnncompress.pillow import MIME_TYPE

DESKTOP = Path(__file__).parents[2] / "scripts" / "desktop"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A file of 60x40 pixels that needs no model."""
    image = Image.radial_gradient("L").resize((60, 40)).convert("RGB")
    path = tmp_path / "photo.cnc"
    path.write_bytes(cnncompress.compress(image, coding="lossless"))
    return path


@pytest.fixture
def photo(tmp_path: Path, random_model: Path, coffee: NDArray[np.uint8]) -> Path:
    """A file of a model that is not installed."""
    path = tmp_path / "learned.cnc"
    codec = cnncompress.Codec(random_model, "cpu")
    path.write_bytes(codec.compress(coffee[:48, :64], coding="learned"))
    return path


@pytest.fixture
def viewer(tmp_path: Path) -> Path:
    """A viewer that writes down what it is given, with the size of each picture."""
    path = tmp_path / "xdg-open"
    path.write_text(
        f"#!{sys.executable}\nimport sys\nfrom PIL import Image\n"
        f"with open({str(tmp_path / 'seen')!r}, 'a') as seen:\n"
        "    for name in sys.argv[1:]: print(name, *Image.open(name).size, file=seen)\n"
    )
    path.chmod(0o755)
    return path


def test_a_named_viewer_gets_all_pictures_which_are_then_removed(picture: Path, viewer: Path, tmp_path: Path) -> None:
    result = run("view", "--viewer", shlex.quote(str(viewer)), picture, picture)
    assert (result.exit_code, result.output) == (0, "")
    seen = [line.split() for line in (tmp_path / "seen").read_text().splitlines()]
    assert [size for _, *size in seen] == [["60", "40"], ["60", "40"]]
    assert all(Path(name).name == "photo.png" and not Path(name).exists() for name, *_ in seen)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="has another command for that")
def test_the_viewer_of_the_desktop(
    picture: Path, viewer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert run("view", picture).exit_code == 0
    name, *size = (tmp_path / "seen").read_text().split()
    assert size == ["60", "40"] and Path(name).exists()  # it may be looked at yet


def test_no_viewer(picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("view", "--viewer", tmp_path / "none", picture)
    assert result.exit_code == 7 and "no such file" in result.stderr and "--viewer" in result.stderr
    assert run("view", "--viewer", "false", picture).exit_code == 7
    assert run("view", "--viewer", "true", tmp_path / "missing.cnc").exit_code == 3
    empty = run("view", "--viewer", " ", picture)
    assert empty.exit_code == 2 and "--viewer names no program" in empty.stderr


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="has another command for that")
@pytest.mark.parametrize("options", [(), ("--viewer", "false"), ("--viewer", "'")])
def test_no_picture_stays_after_a_failure(
    options: tuple[str, ...], picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "temporary"))  # without xdg-open
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    result = run("view", *options, picture)
    assert result.exit_code == 7 and result.stderr.endswith("; name another viewer with --viewer\n")
    assert result.stderr.count("\n") == 1 and list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="has another command for that")
def test_a_picture_that_is_open_stays_if_the_next_one_cannot_be_opened(
    picture: Path, viewer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = picture.with_name("second.cnc")
    second.write_bytes(picture.read_bytes())
    viewer.write_text(viewer.read_text() + "sys.exit('second' in sys.argv[1])\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = run("view", picture, second)
    assert result.exit_code == 7 and "xdg-open has failed" in result.stderr
    name, *_ = (tmp_path / "seen").read_text().split()
    assert Path(name).name == "photo.png" and Path(name).exists()


def test_windows_paths_of_viewers_and_its_viewer_that_fails(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = r'"C:\Program Files\Gimp\gimp.exe" -n'
    assert view._words(command, windows=True) == [r"C:\Program Files\Gimp\gimp.exe", "-n"]

    def startfile(path: str) -> None:
        raise OSError(1155, "No application is associated with the specified file", path)

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "startfile", startfile, raising=False)
    result = run("view", picture)
    assert result.exit_code == 7 and "photo.png: no application is associated" in result.stderr
    assert list(tmp_path.glob("cnncompress-*")) == []


@pytest.mark.parametrize("folder", ["missing", "full"])
def test_no_room_for_the_pictures(folder: str, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing" if folder == "missing" else tmp_path))

    def full(stream: object, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    if folder == "full":
        monkeypatch.setattr("cnncompress.files.outputs._sync_folder", full)
        monkeypatch.setattr("cnncompress.files.outputs.os.fsync", lambda descriptor: full(None, b""))
    result = run("view", "--viewer", "true", picture)
    expected = "temporary folder: no such file" if folder == "missing" else "no space left on device"
    assert result.exit_code == 5 and expected in result.stderr and result.stderr.count("\n") == 1
    assert list(tmp_path.glob("cnncompress-*")) == []


@pytest.mark.parametrize("command", ["thumbnail", "info"])
def test_only_torch_is_installed(
    command: str, photo: Path, random_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "is_installed", lambda name: name != "ncnn")
    monkeypatch.setitem(sys.modules, "cnncompress.engines.ncnn.engine", None)  # cannot be imported
    monkeypatch.setenv("CNNCOMPRESS_MODEL", str(random_model))
    made = tmp_path / "made.png"
    words = (photo, made) if command == "thumbnail" else ("--bits", made, photo)
    result = run(command, *words)
    assert (result.exit_code, result.stderr) == (0, "") and made.is_file()


@pytest.mark.parametrize(("size", "expected"), [(20, (20, 13)), (32, (32, 21)), (256, (60, 40))])
def test_thumbnails(size: int, expected: tuple[int, int], picture: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    small.write_bytes(b"")  # file managers make it first
    assert run("thumbnail", "--size", str(size), "--", picture, small).exit_code == 0
    with Image.open(small) as image:
        assert image.size == expected


@pytest.mark.skipif(not DESKTOP.is_dir(), reason="no scripts beside the tests")
def test_thumbnailer_entry(picture: Path, tmp_path: Path) -> None:
    """The command of the entry is run as a file manager runs it."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(DESKTOP / "cnncompress.thumbnailer")
    entry = parser["Thumbnailer Entry"]
    assert entry["MimeType"].strip(";") == MIME_TYPE and entry["TryExec"] == "cnncompress"
    small = tmp_path / "small.png"
    fields = {"%s": "32", "%i": str(picture), "%o": str(small)}
    name, *args = (fields.get(word, word) for word in entry["Exec"].split())
    assert name == entry["TryExec"] and run(*args).exit_code == 0
    with Image.open(small) as image:
        assert max(image.size) == 32
