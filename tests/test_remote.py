"""Objects by URL: whole ones, tried again, without credentials in messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cnncompress import remote
from cnncompress.batch.cnc_files import read_cnc
from cnncompress.errors import LimitExceeded, MissingPackage, OutputError, OutputExists, UnreadableImage
from cnncompress.files.inputs import file_size, local_input, open_input, read_input, read_once
from cnncompress.files.outputs import check_output, open_output, write_output
from cnncompress.images.limits import Limits

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty storage in memory, and no patience."""
    monkeypatch.setattr(remote, "_FIRST_PAUSE_SECONDS", 0.001)
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    return system


def test_objects_instead_of_files(tmp_path: Path) -> None:
    write_output("memory://b/a.bin", b"first", force=False)
    assert read_input("memory://b/a.bin") == b"first" and file_size("memory://b/a.bin") == 5
    with open_input("memory://b/a.bin") as stream:
        assert stream.read(2) == b"fi" and stream.seek(0) == 0
    with pytest.raises(OutputExists):
        write_output("memory://b/a.bin", b"second", force=False)
    with pytest.raises(OutputExists):
        check_output("memory://b/a.bin", force=False)
    write_output("memory://b/a.bin", b"second", force=True)
    with local_input("memory://b/a.bin") as path:
        assert Path(path).read_bytes() == b"second"
    assert not Path(path).exists()
    with local_input(str(tmp_path)) as path:
        assert path == str(tmp_path)
    assert file_size("memory://b/missing") is None
    with pytest.raises(UnreadableImage, match=r"^no such object$"):
        read_input("memory://b/missing")


def test_objects_above_a_limit_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "memory://b/large"
    write_output(url, bytes(1000), force=False)
    assert len(read_once(url, lambda start: None, 1000)) == 1000
    with open_input(url, 1000) as stream:
        assert len(stream.read()) == 1000

    def refuse(self: Any, path: str, **_: Any) -> bytes:
        raise AssertionError("is read")

    system = fsspec.get_filesystem_class("memory")
    monkeypatch.setattr(system, "cat_file", refuse)
    calls: list[Callable[[], bytes]] = [
        lambda: read_once(url, lambda start: None, 999),
        lambda: remote.read(url, 999),
        lambda: read_cnc(url, Limits(memory=999)),
    ]
    for call in calls:
        with pytest.raises(LimitExceeded, match="more than the 999 B that may be in memory"):
            call()
    # Some web servers do not say how long a file is.
    monkeypatch.setattr(system, "info", lambda self, path, **_: {"size": None})
    assert remote.read(url, 1000) == bytes(1000)
    with pytest.raises(LimitExceeded):
        remote.read(url, 999)


def test_an_object_appears_at_the_end_or_not_at_all() -> None:
    with open_output("memory://b/new", force=False) as stream:
        stream.write(b"all of it")
        assert file_size("memory://b/new") is None
    assert read_input("memory://b/new") == b"all of it"
    with pytest.raises(KeyboardInterrupt), open_output("memory://b/half", force=False) as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert file_size("memory://b/half") is None


def test_listing() -> None:
    for name in ("x/b", "x/a", "x/sub/c", "y"):
        write_output(f"memory://b/{name}", name.encode(), force=False)
    expected = {"memory://b/x/a": 3, "memory://b/x/b": 3, "memory://b/x/sub/c": 7}
    assert remote.listing("memory://b/x/") == remote.listing("memory://b/x") == expected
    assert remote.listing("memory://nothing/") == {}


def test_what_fails_for_a_moment_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def failing(times: int, error: Exception) -> None:
        def pipe_file(self: Any, path: str, data: bytes, **_: Any) -> None:
            calls.append(path)
            if len(calls) <= times:
                raise error
            self.store.clear()

        calls.clear()
        monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "pipe_file", pipe_file)

    failing(3, ConnectionResetError("reset by peer"))
    write_output("memory://b/x", b"data", force=True)
    assert len(calls) == 4
    failing(99, ConnectionResetError("reset by peer"))
    with pytest.raises(OutputError, match="ConnectionResetError: reset by peer"):
        write_output("memory://b/x", b"data", force=True)
    assert len(calls) == 5
    failing(99, PermissionError("/me:s3cret@b/x?key=s3cret is not yours"))
    with pytest.raises(OutputError, match=r"^PermissionError: /\*\*\*@b/x\?\*\*\* is not yours$"):
        write_output("memory://me:s3cret@b/x?key=s3cret", b"data", force=True)
    assert len(calls) == 1, "another attempt changes nothing"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pass@host/a.jpg?X-Amz-Signature=s3cret&b=1: error 403", "https://host/a.jpg: error 403"),
        ('{"input": "https://host/a.jpg?sig=s3cret", "x": 1}', '{"input": "https://host/a.jpg", "x": 1}'),
        ("s3://key:s3cret@bucket/a@b.jpg -> s3://bucket/a@b.cnc", "s3://bucket/a@b.jpg -> s3://bucket/a@b.cnc"),
        ("photo?.jpg: no URL", "photo?.jpg: no URL"),
    ],
)
def test_credentials_are_not_shown(text: str, shown: str) -> None:
    assert remote.without_secrets(text) == shown


def test_names() -> None:
    assert [remote.is_url(name) for name in ("s3://b/x", "https://h/x", "C:\\x", "a/b", "-", "x:y")] == [
        *(True, True, False, False, False, False)
    ]
    assert remote.plain_url("https://h/a/b.jpg?sig=x/y.png#z") == "https://h/a/b.jpg"
    assert remote.plain_url("s3://b/what?.jpg") == "s3://b/what?.jpg"


def test_missing_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingPackage, match="no driver for nonsense://"):
        read_input("nonsense://b/x")
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(MissingPackage, match=r"pip install 'cnncompress\[remote\]'"):
        read_input("memory://b/x")


class Unreliable(BaseHTTPRequestHandler):
    """Answers every object correctly at the third request only."""

    requests: dict[str, int]

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()

    def do_GET(self) -> None:
        count = self.requests[self.path] = self.requests.get(self.path, 0) + 1
        if "forbidden" in self.path:
            self.send_error(403)
        elif count == 1:
            self.send_error(503)
        else:
            self.send_response(200)
            self.send_header("Content-Length", "8")
            self.end_headers()
            self.wfile.write(b"contents" if count > 2 else b"cont")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in http.server
        pass


@pytest.fixture
def server() -> Iterator[str]:
    """Address of an unreliable web server."""
    pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    handler = type("Handler", (Unreliable,), {"requests": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


@pytest.mark.slow
def test_an_unreliable_web_server(server: str) -> None:
    assert read_input(f"{server}/a.jpg?signature=s3cret") == b"contents"
    with local_input(f"{server}/b.jpg") as path:
        assert Path(path).read_bytes() == b"contents"
    with pytest.raises(UnreadableImage, match="ClientResponseError 403") as caught:
        read_input(f"{server}/forbidden.jpg?signature=s3cret")
    assert "s3cret" not in str(caught.value)
    with pytest.raises(OutputError):
        write_output(f"{server}/new.jpg", b"data", force=True)
