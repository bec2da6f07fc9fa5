"""Inputs: files, standard input, and what cannot be read."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cnncompress.errors import LimitExceeded, UnreadableImage
from cnncompress.files.inputs import file_size, open_input, read_input, read_once, whole_file
from cnncompress.files.outputs import copy_file, open_output


class BinaryStream:
    """Stands for ``sys.stdin`` or ``sys.stdout``."""

    def __init__(self, data: bytes = b"") -> None:
        self.buffer = io.BytesIO(data)


def test_read_file_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in"
    path.write_bytes(b"file")
    assert read_input(str(path)) == b"file"
    monkeypatch.setattr(sys, "stdin", BinaryStream(b"piped"))
    assert read_input("-") == b"piped"


def test_unreadable_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source, message in [
        (tmp_path / "missing", "no such file or directory"),
        (tmp_path, "is a directory"),
        (tmp_path / "a\0b", "null"),
        (tmp_path / ("x" * 300), "file name too long"),
    ]:
        with pytest.raises(UnreadableImage, match=message):
            read_input(str(source))
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UnreadableImage, match="standard input is closed"):
        read_input("-")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that can be opened and not be read")
def test_errors_of_reading_are_those_of_the_input(tmp_path: Path) -> None:
    with open_input("/proc/self/mem") as stream, pytest.raises(UnreadableImage, match="input/output error"):
        stream.read(1)
    with pytest.raises(UnreadableImage, match="input/output error"):
        copy_file("/proc/self/mem", str(tmp_path / "copy"), force=False)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("error", [ValueError("ours"), OSError("ours"), RuntimeError("ours")])
def test_errors_of_others_stay_theirs(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "in"
    path.write_bytes(b"data")
    with pytest.raises(type(error), match=r"^ours$"), open_input(str(path)):
        raise error
    with pytest.raises(type(error), match=r"^ours$"), open_output(str(tmp_path / "out"), force=False):
        raise error
    assert [each.name for each in tmp_path.iterdir()] == ["in"]


def test_files_of_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in"
    path.write_bytes(b"data")
    for source in (path, str(path), b"data", bytearray(b"data"), memoryview(b"data")):
        assert bytes(whole_file(source)) == b"data"
    monkeypatch.chdir(tmp_path)
    path.rename("-")
    assert bytes(whole_file("-")) == b"data", "a program has its own standard input"
    for missing in (tmp_path, tmp_path / "missing", "\0"):
        with pytest.raises(UnreadableImage):
            whole_file(missing)
    with pytest.raises(TypeError, match="given as int, expected its bytes, its path or a binary stream"):
        whole_file(3)  # type: ignore[arg-type]


class Pipe(io.BytesIO):
    """A stream that cannot seek."""

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0) -> int:
        raise io.UnsupportedOperation("seek")


class Broken(Pipe):
    """A stream that fails while it is read."""

    def read(self, size: int | None = -1) -> bytes:
        if size:
            raise OSError(5, "Input/output error")
        return b""


def test_streams_are_read_from_their_beginning_and_left_open(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"data")
    memory = io.BytesIO()
    memory.write(b"data")  # and not rewound: Pillow does not ask for that either
    assert bytes(whole_file(memory)) == b"data"
    assert bytes(whole_file(memory)) == b"data" and not memory.closed
    with (tmp_path / "in").open("rb") as stream:
        assert bytes(whole_file(stream)) == b"data" and not stream.closed
    assert bytes(whole_file(Pipe(b"data"))) == b"data"


def test_streams_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("text")
    with (tmp_path / "in").open() as text, pytest.raises(TypeError, match="a stream of text is given"):
        whole_file(text)  # type: ignore[arg-type]
    with pytest.raises(UnreadableImage, match="input/output error"):
        whole_file(Broken(b""))


def test_sizes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert file_size(str(tmp_path / "file")) == 5
    assert file_size(str(tmp_path / "missing")) is file_size(str(tmp_path / "file" / "below")) is None
    with pytest.raises(UnreadableImage, match="is a folder"):
        file_size(str(tmp_path))


class Endless(io.RawIOBase):
    """Zeros without an end, which counts what is read of them."""

    count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "it has no end"
        self.count += size
        return bytes(size)


def test_standard_input_is_looked_at_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(start: bytes) -> None:
        raise UnreadableImage("not an image")

    source = Endless()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=source))
    with pytest.raises(UnreadableImage, match="not an image"):
        read_once("-", refuse, 1 << 30)
    assert source.count < 10_000


def test_standard_input_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Endless()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=source))
    with pytest.raises(LimitExceeded, match=r"more than the 1\.0 MB of the memory limit"):
        read_once("-", lambda start: None, 1_000_000)
    assert source.count == 1_000_001
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(bytes(99))))
    assert read_once("-", lambda start: None, 99) == bytes(99)
