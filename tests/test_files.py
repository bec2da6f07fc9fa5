"""Inputs and outputs: standard streams, and outputs that appear whole or not at all."""

from __future__ import annotations

import io
import os
import stat
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from cnncompress.errors import LimitExceeded, OutputError, OutputExists, UnreadableImage
from cnncompress.files import check_output, file_size, open_output, read_input, read_once, whole_file, write_output


class BinaryStream:
    """Stands for ``sys.stdin`` or ``sys.stdout``."""

    def __init__(self, data: bytes = b"") -> None:
        self.buffer = io.BytesIO(data)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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
    with open("-", "rb") as stream, pytest.raises(TypeError, match="given as BufferedReader, expected its bytes or"):
        whole_file(stream)  # type: ignore[arg-type]


def test_written_file_is_whole_and_alone(tmp_path: Path) -> None:
    target = tmp_path / "out.cnc"
    check_output(str(target), force=False)
    assert names(tmp_path) == []
    write_output(str(target), b"data", force=False)
    assert target.read_bytes() == b"data"
    assert names(tmp_path) == ["out.cnc"]


def test_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_output(str(tmp_path / "out"), b"", force=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640


def test_existing_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    with pytest.raises(OutputExists, match="-f replaces it"):
        check_output(str(target), force=False)
    with pytest.raises(OutputExists):
        write_output(str(target), b"new", force=False)
    assert target.read_bytes() == b"old" and names(tmp_path) == ["out"]
    check_output(str(target), force=True)
    write_output(str(target), b"new", force=True)
    assert target.read_bytes() == b"new" and names(tmp_path) == ["out"]


def test_file_that_appears_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    monkeypatch.setattr(os, "fsync", lambda _: target.write_bytes(b"from elsewhere"))
    with pytest.raises(OutputExists):
        write_output(str(target), b"new", force=False)
    assert target.read_bytes() == b"from elsewhere" and names(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), SystemExit(143)])
def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(_: int) -> None:
        assert names(tmp_path) == [f".out.{os.getpid()}.part", "out"]
        raise error

    target = tmp_path / "out"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as caught:
        write_output(str(target), b"new", force=True)
    if expected is OutputError:
        assert str(caught.value) == "no space left on device"
    assert target.read_bytes() == b"old" and names(tmp_path) == ["out"]


def test_leftover_of_a_killed_process_is_no_obstacle(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / f".out.{os.getpid()}.part").symlink_to(victim)
    write_output(str(tmp_path / "out"), b"data", force=False)
    assert names(tmp_path) == ["out", "victim"] and victim.read_bytes() == b"precious"


def test_names_of_any_length_and_script(tmp_path: Path) -> None:
    for name in ("ф" * 127, "x" * 255, "-x", "two words"):
        write_output(str(tmp_path / name), name.encode(), force=False)
        assert (tmp_path / name).read_bytes() == name.encode()


def test_impossible_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for target, message in [
        (tmp_path, "is a folder"),
        (tmp_path / "missing" / "out", f"no such folder: {tmp_path}/missing"),
        (tmp_path / "file" / "out", "no such folder|not a directory"),
        (tmp_path / "a\0b", "null"),
    ]:
        with pytest.raises(OutputError, match=message):
            check_output(str(target), force=True)
        with pytest.raises(OutputError):
            write_output(str(target), b"", force=True)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match=f"no permission to write in {tmp_path}"):
        check_output(str(tmp_path / "out"), force=True)


def test_output_must_not_be_the_input(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_bytes(b"image")
    (tmp_path / "link").hardlink_to(source)
    for target in (source, tmp_path / "link"):
        with pytest.raises(OutputError, match="is the input itself"):
            check_output(str(target), force=True, source=str(source))
    check_output(str(tmp_path / "out"), force=True, source=str(source))
    check_output(str(source), force=True, source="-")


def test_missing_input_is_not_the_outputs_fault(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    check_output(str(tmp_path / "out"), force=True, source=str(tmp_path / "missing"))


def test_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    link, dangling, loop = (tmp_path / name for name in ("link", "dangling", "loop"))
    link.symlink_to("real")
    dangling.symlink_to("elsewhere")
    loop.symlink_to("loop")
    for path in (link, dangling, loop):
        with pytest.raises(OutputExists):
            check_output(str(path), force=False)
        with pytest.raises(OutputExists):
            write_output(str(path), b"", force=False)
        assert path.is_symlink()
        check_output(str(path), force=True)
        write_output(str(path), b"new", force=True)
        assert not path.is_symlink() and path.read_bytes() == b"new"
    assert names(tmp_path) == ["dangling", "link", "loop", "real"] and (tmp_path / "real").read_bytes() == b"old"


def test_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    with pytest.raises(OutputError, match="is a folder"):
        check_output(str(tmp_path / "link"), force=True)
    write_output(str(tmp_path / "link" / "out"), b"data", force=False)
    assert names(tmp_path / "folder") == ["out"], "folders on the way may be links"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no names of open files")
def test_names_of_open_files_are_written_to(tmp_path: Path) -> None:
    """As ``/dev/stdout`` is one: a link, in a folder that is no place for other files."""
    with (tmp_path / "open").open("wb") as stream:
        stream.write(b"before ")
        stream.flush()
        name = f"/dev/fd/{stream.fileno()}"
        check_output(name, force=False)
        write_output(name, b"data", force=False)
        assert Path(name).is_symlink()
    assert names(tmp_path) == ["open"] and (tmp_path / "open").read_bytes() == b"before data"


def test_pipes_and_devices_are_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    check_output(str(pipe), force=False)
    write_output(str(pipe), b"data", force=False)
    reader.join()
    assert received == [b"data"] and pipe.is_fifo()
    write_output(os.devnull, b"data", force=False)
    assert Path(os.devnull).is_char_device()


def test_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = BinaryStream()
    monkeypatch.setattr(sys, "stdout", stdout)
    check_output("-", force=False)
    write_output("-", b"data", force=False)
    assert stdout.buffer.getvalue() == b"data"
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputError, match="standard output is closed"):
        check_output("-", force=False)


def test_broken_pipe_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.BytesIO):
        def flush(self) -> None:
            raise BrokenPipeError

    stdout = BinaryStream()
    stdout.buffer = Closed()
    monkeypatch.setattr(sys, "stdout", stdout)
    with pytest.raises(BrokenPipeError):
        write_output("-", b"data", force=False)


def test_sizes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert file_size(str(tmp_path / "file")) == 5
    assert file_size(str(tmp_path / "missing")) is file_size(str(tmp_path / "file" / "below")) is None
    with pytest.raises(UnreadableImage, match="is a folder"):
        file_size(str(tmp_path))


def test_a_stream_becomes_a_file_at_its_end(tmp_path: Path) -> None:
    target = tmp_path / "new" / "out"
    with open_output(str(target), force=False, new_folders=True) as stream:
        stream.write(b"first, ")
        stream.write(b"second")
        assert not target.exists()
    assert target.read_bytes() == b"first, second"

    def interrupted(force: bool) -> None:
        with open_output(str(target), force=force) as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted(force=True)
    assert target.read_bytes() == b"first, second" and names(target.parent) == ["out"]
    with pytest.raises(OutputExists), open_output(str(target), force=False) as stream:
        stream.write(b"other")
    assert target.read_bytes() == b"first, second"


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


def test_a_name_that_is_taken_meanwhile_stays_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    monkeypatch.setattr("cnncompress.files._check_free", lambda path, force: None)  # as if nothing had been there yet
    target.write_bytes(b"another run's")
    with pytest.raises(OutputExists):
        write_output(str(target), b"new", force=False)
    assert target.read_bytes() == b"another run's" and len(list(tmp_path.iterdir())) == 1


def test_file_systems_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    write_output(str(tmp_path / "out"), b"new", force=False)
    assert (tmp_path / "out").read_bytes() == b"new" and len(list(tmp_path.iterdir())) == 1
