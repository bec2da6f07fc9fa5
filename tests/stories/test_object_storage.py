"""Inputs, outputs and lists in object storage: a server that speaks S3 on this machine, and a storage in memory."""

from __future__ import annotations

import io
import json
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run
from lossless_runs import compress
from PIL import Image
from sample_files import encoded
from tar_files import tar_of

from cnncompress.probe import probe

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


def picture(seed: int) -> bytes:
    rows, columns = np.mgrid[0:24, 0:32]
    return encoded(Image.fromarray(np.stack([rows * 5, columns * 3, rows + seed], axis=2).astype(np.uint8)), "BMP")


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.slow)])
def bucket(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of an empty bucket; the current folder is an empty one, too."""
    monkeypatch.chdir(tmp_path)
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()
        yield "memory://bucket"
        return
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    moto = pytest.importorskip("moto.server", reason="moto and flask are not installed")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir("bucket")
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # clients of another server
    yield "s3://bucket"
    server.stop()


class Storage:
    """The objects below a URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.system, self.path = fsspec.core.url_to_fs(url, use_listings_cache=False)

    def put(self, name: str, data: bytes) -> None:
        self.system.pipe_file(f"{self.path}/{name}", data)

    def get(self, name: str) -> bytes:
        return bytes(self.system.cat_file(f"{self.path}/{name}"))

    def names(self, folder: str = "") -> list[str]:
        found = self.system.find(f"{self.path}/{folder}")
        return sorted(name.removeprefix(f"{self.path}/") for name in found)


@pytest.fixture
def storage(bucket: str) -> Storage:
    """A bucket with two images in two folders, and a text."""
    storage = Storage(bucket)
    storage.put("in/a.bmp", picture(1))
    storage.put("in/sub/b.bmp", picture(2))
    storage.put("in/notes.txt", b"BMP is a format")
    return storage


def summary(output: str) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(output.splitlines()[-1])
    return line


def test_a_folder_of_objects_there_and_back(storage: Storage) -> None:
    url = storage.url
    result = compress("-r", f"{url}/in/", "-d", f"{url}/out", "--json")
    assert result.exit_code == 0, result.stderr
    assert summary(result.stdout)["ok"] == 2 and "skipped 1 file that is not a supported image" in result.stderr
    assert storage.names("out") == ["out/a.cnc", "out/sub/b.cnc"]
    source = probe(storage.get("out/a.cnc")).source
    assert source is not None and (source.ending, source.size) == ("bmp", len(picture(1)))
    result = compress("-r", f"{url}/in", "-d", f"{url}/out")
    assert result.exit_code == 1 and result.stderr.count("exists already; -f replaces it") == 2
    result = compress("-r", f"{url}/in/", "-d", f"{url}/out", "--skip-existing")
    assert (result.exit_code, "2 skipped (output exists)" in result.stderr) == (0, True)
    assert run("decompress", "-r", f"{url}/out/", "-d", f"{url}/back", "--format", "bmp").exit_code == 0
    assert storage.get("back/sub/b.bmp") == picture(2)


def test_between_files_and_objects(storage: Storage) -> None:
    url = storage.url
    assert compress(f"{url}/in/a.bmp", "-d", "out").exit_code == 0
    assert compress(f"{url}/in/a.bmp", "x.cnc").exit_code == 0
    assert compress(f"{url}/in/a.bmp", f"{url}/x.cnc").exit_code == 0
    assert Path("x.cnc").read_bytes() == storage.get("x.cnc")
    assert run("decompress", f"{url}/x.cnc", "-o", "x.bmp").exit_code == 0
    assert Path("x.bmp").read_bytes() == picture(1)
    Path("y.bmp").write_bytes(picture(3))
    assert compress("y.bmp", "-d", f"{url}/files").exit_code == 0
    assert storage.names("files") == ["files/y.cnc"]


def test_a_list_of_objects_in_shards(storage: Storage) -> None:
    url = storage.url
    for number in range(8):
        storage.put(f"in/{number}.bmp", picture(number))
    urls = [f"{url}/in/{number}.bmp" for number in range(8)] + [f"{url}/in/missing.bmp"]
    storage.put("list.txt", "\n".join(urls).encode())
    codes = []
    for task in range(2):
        result = compress(
            "--files-from", f"{url}/list.txt", "--root", f"{url}/in", "-d", f"{url}/out", "--shard", f"{task}/2"
        )
        codes.append(result.exit_code)
        assert 0 < len(storage.names("out")) <= 8
    assert storage.names("out") == [f"out/{number}.cnc" for number in range(8)]
    assert sorted(codes) == [0, 1], "one object is missing"


def test_tars(storage: Storage) -> None:
    url = storage.url
    for number in range(2):
        storage.put(f"tars/{number}.tar", tar_of({"a.bmp": picture(number), "a.txt": b"text"}))
    result = compress("--tar", "-r", f"{url}/tars/", "-d", f"{url}/out")
    assert result.exit_code == 0, result.stderr
    assert storage.names("out") == ["out/0.tar", "out/0.tar.json", "out/1.tar", "out/1.tar.json"]
    with tarfile.open(fileobj=io.BytesIO(storage.get("out/1.tar"))) as tar:
        assert tar.getnames() == ["a.cnc", "a.txt"]
    result = compress("--tar", "-r", f"{url}/tars/", "-d", f"{url}/out", "--skip-existing")
    assert (result.exit_code, "2 skipped (finished already)" in result.stderr) == (0, True)
    storage.put("tars/1.tar", tar_of({"a.bmp": picture(2), "a.txt": b"text"}))  # of the same size
    result = compress("--tar", "-r", f"{url}/tars/", "-d", f"{url}/out", "--skip-existing")
    assert result.exit_code == 1 and "1.tar: exists already, made of another tar" in result.stderr
    storage.put("tars/1.tar", tar_of({"a.bmp": picture(1)})[:700])
    result = compress("--tar", f"{url}/tars/1.tar", "-d", f"{url}/new")
    assert result.exit_code == 3 and "not a whole tar archive" in result.stderr
    assert storage.names("new") == []


def test_errors(storage: Storage) -> None:
    url = storage.url
    result = compress(f"{url}/in/missing.bmp", "-d", f"{url}/out")
    assert (result.exit_code, result.stderr) == (3, f"cnncompress: {url}/in/missing.bmp: no such object\n")
    for options, message in (
        (["--newer"], "--newer does not work with URLs"),
        (["--rm"], "--rm does not work with URLs"),
        (["-p"], "-p does not work with URLs"),
    ):
        result = compress(f"{url}/in/a.bmp", "-d", f"{url}/out", *options)
        assert result.exit_code == 2 and message in result.stderr
    result = compress(f"{url}/in/a.bmp", "-o", f"{url}/in/a.bmp", "-f")
    assert result.exit_code == 5 and "is the input itself" in result.stderr


def test_no_credentials_in_messages(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if bucket.startswith("s3"):
        name = f"s3://AKIAIOSFODNN7EXAMPLE:{SECRET}@nowhere/a.bmp"
    else:
        name = f"memory://me:{SECRET}@bucket/a.bmp"
    monkeypatch.setattr("cnncompress.remote._FIRST_PAUSE_SECONDS", 0.001)
    result = compress(name, "-d", "out", "--json", "-vv")
    assert result.exit_code == 3
    assert SECRET not in result.output + result.stderr
    assert "/a.bmp: " in result.stderr
