"""Finding inputs: by their content, in order, each once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from cnncompress.batch.inputs import PIPE, Found, find_names, look_into, matches, read_list
from cnncompress.batch.request import Inputs
from cnncompress.errors import UnreadableImage


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with images, others, and a folder in it."""
    top = tmp_path / "in"
    (top / "sub").mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(top / "b.png")
    Image.new("RGB", (2, 2)).save(top / "wrong name.txt", "JPEG")
    Image.new("RGB", (2, 2)).save(top / "sub" / "a.webp")
    (top / "notes.png").write_text("no image")
    (top / "old.cnc").write_bytes(b"\x89CNC rest")
    (top / ".b.cnc.123.part").write_bytes(b"left over")
    return top


def found(*paths: str | Path, **options: object) -> list[Found]:
    return list(map(look_into, find_names(Inputs(tuple(map(str, paths)), **options))))  # type: ignore[arg-type]


def test_folders_are_gone_through_in_order(tree: Path) -> None:
    assert [(each.relative.as_posix(), each.kind, each.named) for each in found(tree, recursive=True)] == [
        ("b.png", "png", False),
        ("notes.png", None, False),
        ("old.cnc", "cnc", False),
        ("wrong name.txt", "jpg", False),
        ("sub/a.webp", "webp", False),
    ]
    assert found(tree, recursive=True)[0].path == str(tree / "b.png")


def test_a_folder_needs_the_option(tree: Path) -> None:
    (only,) = found(tree)
    assert str(only.error) == "is a folder; -r searches folders"
    assert isinstance(only.error, UnreadableImage)


def test_patterns_choose_files_and_folders(tree: Path) -> None:
    def names(**options: object) -> list[str]:
        return [each.relative.as_posix() for each in found(tree, recursive=True, **options)]

    assert names(include=("*.png",)) == ["b.png", "notes.png"]
    assert names(include=("*.png",), exclude=("notes*",)) == ["b.png"]
    assert names(exclude=("sub",)) == ["b.png", "notes.png", "old.cnc", "wrong name.txt"]
    assert names(include=("sub/*", "b.*")) == ["b.png", "sub/a.webp"]


def test_a_pattern_with_a_slash_is_about_the_path() -> None:
    assert matches(Path("x/y.png"), ("*.png",)) and matches(Path("x/y.png"), ("x/*",))
    assert not matches(Path("x/y.png"), ("x",)) and not matches(Path("x/y.png"), ("y",))
    assert matches(Path("tmp"), ("tmp/",)) and not matches(Path("A.PNG"), ("*.png",)) and not matches(Path("a"), ())


def test_links_are_followed_only_where_they_are_named(tree: Path) -> None:
    outside = tree.parent / "outside"
    outside.mkdir()
    Image.new("RGB", (2, 2)).save(outside / "c.png")
    (tree / "link.png").symlink_to(outside / "c.png")
    (tree / "folder").symlink_to(outside)
    (tree / "loop").symlink_to(tree)
    assert len(found(tree, recursive=True)) == 5
    assert [each.kind for each in found(tree / "link.png")] == ["png"]
    assert [each.relative.as_posix() for each in found(tree / "folder", recursive=True)] == ["c.png"]


def test_the_output_folder_is_left_out(tree: Path) -> None:
    inside = Inputs((str(tree),), recursive=True)
    assert len(list(find_names(inside, leave_out=tree / "sub"))) == 4
    assert list(find_names(inside, leave_out=tree)) == []


def test_each_file_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert len(found("b.png", "./b.png", tree / "b.png", "sub/../b.png")) == 1
    assert len(found(tree, "b.png", recursive=True)) == 5


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    missing, null, long = found(tmp_path / "missing", "a\0b", "x" * 5000)
    assert str(missing.error) == "no such file or directory" and missing.named
    assert null.error is not None and long.error is not None


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders")
def test_pipes_are_not_looked_into(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    assert len(found(tree, recursive=True)) == 5
    assert [each.kind for each in found(tree / "pipe", "-")] == [PIPE, PIPE]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not hold")
def test_an_unreadable_folder_does_not_stop_the_others(tree: Path) -> None:
    (tree / "sub").chmod(0)
    try:
        errors = [each.error for each in found(tree, recursive=True) if each.error]
    finally:
        (tree / "sub").chmod(0o755)
    assert list(map(str, errors)) == ["permission denied"]


def test_lists(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes("a b.png\n\n写真.png\r\nc.png".encode())
    assert read_list(str(path), nul=False) == ("a b.png", "写真.png", "c.png")
    path.write_bytes(b"one\nname\0other\r\0\0\xff\0")
    assert read_list(str(path), nul=True) == ("one\nname", "other\r", os.fsdecode(b"\xff"))
    with pytest.raises(UnreadableImage, match="no such file"):
        read_list(str(tmp_path / "missing"), nul=False)
