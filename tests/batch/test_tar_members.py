"""Archives member by member: names, damage, and memory."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from own_process import in_own_process, peak_bytes

from cnncompress.batch.tar_members import TarWriter, is_tar_name, key_of, members, plain_tar_name
from cnncompress.errors import UnreadableImage


def archive(names: Sequence[str], mode: str = "w", size: int = 700) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:  # type: ignore[call-overload]
        for number, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode, info.uname = size, 1_000_000 + number, 0o640, "me"
            tar.addfile(info, io.BytesIO(bytes([number % 256]) * size))
    return stream.getvalue()


def read(data: bytes) -> list[tuple[str, int]]:
    return [(info.name, len(contents.read())) for info, contents in members(io.BytesIO(data)) if contents]


NAMES = ["a.jpg", "a.json", "folder/b.jpg"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_members_are_read_in_order(mode: str) -> None:
    assert read(archive(NAMES, mode)) == [(name, 700) for name in NAMES]


def test_damage_is_an_error_wherever_it_is() -> None:
    whole = archive(NAMES)
    data_end = 3 * (512 + 1024)
    for length in (0, 1, 511, 512, 600, 1536, 1537, 2048, 4000, data_end):
        with pytest.raises(UnreadableImage):
            read(whole[:length])
    assert read(whole[: data_end + 512]), "one block of zeros ends an archive"
    for place in (0, 1536, 3072):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        with pytest.raises(UnreadableImage, match="not a whole tar archive: bad checksum"):
            read(bytes(broken))
    with pytest.raises(UnreadableImage):
        read(archive(NAMES, "w:gz")[:-20])


def test_members_are_written_as_they_were() -> None:
    stream = io.BytesIO()
    writer = TarWriter(stream)
    long_name = "x" * 200 + ".jpg"
    for info, contents in members(io.BytesIO(archive([*NAMES, long_name]))):
        assert contents is not None
        data = contents.read()[:5]
        writer.add(info, info.name.replace(".jpg", ".cnc"), len(data), io.BytesIO(data))
    writer.close()
    with tarfile.open(fileobj=io.BytesIO(stream.getvalue())) as tar:
        assert tar.getnames() == ["a.cnc", "a.json", "folder/b.cnc", "x" * 200 + ".cnc"]
        assert [info.mtime for info in tar] == [1_000_000, 1_000_001, 1_000_002, 1_000_003]
        assert {(info.size, info.mode, info.uname) for info in tar} == {(5, 0o640, "me")}
        first = tar.extractfile("a.cnc")
        assert first is not None and first.read() == bytes(5)


def test_folders_and_links_are_passed_on() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, kind, link in (("d", tarfile.DIRTYPE, ""), ("l", tarfile.SYMTYPE, "a.json")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            tar.addfile(info)
    new = io.BytesIO()
    writer = TarWriter(new)
    for info, contents in members(io.BytesIO(stream.getvalue())):
        writer.add(info, info.name, info.size, contents)
    writer.close()
    with tarfile.open(fileobj=io.BytesIO(new.getvalue())) as tar:
        assert [(info.name, info.type, info.linkname) for info in tar] == [
            ("d", tarfile.DIRTYPE, ""),
            ("l", tarfile.SYMTYPE, "a.json"),
        ]


def test_names() -> None:
    assert [is_tar_name(name) for name in ("a.tar", "b/c.TAR.GZ", "d.tgz", "e.zip", "tar", "f.tar.json")] == [
        *(True, True, True, False, False, False)
    ]
    assert [plain_tar_name(name) for name in ("a.tar", "a.tar.xz", "a.tgz", "a")] == ["a.tar"] * 4
    assert key_of("a/b.c.jpg") == "a/b" and key_of("a.jpg") == "a" and key_of(".hidden") == ".hidden"


def header(kind: bytes, size: int, data: bytes = b"") -> bytes:
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, size
    return info.tobuf() + data.ljust(-(-len(data) // 512) * 512, b"\0")


def pax(size: int, name: str) -> bytes:
    line = f"{size} {name}=".encode()
    return line + b"x" * (size - len(line) - 1) + b"\n"


def sparse(blocks: int) -> bytes:
    """Header of a member with holes, and blocks that list them and say that more follow."""
    first = bytearray(header(b"S", 0))
    first[482] = 1
    first[148:156] = b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    return bytes(first) + (bytes(504) + b"\1" + bytes(7)) * blocks


LONG = 10_000_000
MANY = {
    "long name": header(b"L", LONG, b"x" * LONG),
    "long link": header(b"K", LONG, b"x" * LONG),
    "pax": header(b"x", LONG, pax(LONG, "a")),
    "solaris": header(b"X", LONG, pax(LONG, "a")),
    "common pax": header(b"g", LONG, pax(LONG, "a")),
    "many common pax": b"".join(header(b"g", 90_000, pax(90_000, f"a{n}")) + archive(["a"])[:1536] for n in range(99)),
    "many pax": b"".join(header(b"x", 900, pax(900, f"a{n}")) for n in range(600)),
    "sparse": sparse(9999),
}


@pytest.mark.parametrize("kind", MANY)
@pytest.mark.parametrize("first", [True, False])
def test_long_headers_are_refused(kind: str, first: bool) -> None:
    start = b"" if first else archive(["a"])[:1536]
    with pytest.raises(UnreadableImage, match="headers"):
        read(start + MANY[kind] + archive(["b"]))


def test_a_packed_bomb_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(header(b"x", 200_000_000))
        for _ in range(200):
            stream.write(bytes(1_000_000))
    assert in_own_process(refuse, path) < 20_000_000


def refuse(path: Path) -> int:
    """Returns how much memory grows by an archive that is refused."""
    read(archive(["a"], "w:gz"))
    before = peak_bytes()
    with path.open("rb") as stream, pytest.raises(UnreadableImage, match="headers"):
        list(members(stream))
    return peak_bytes() - before


def test_headers_of_common_lengths_are_read() -> None:
    name = "/".join(["x" * 250] * 16)
    assert read(archive([name] * 300)) == [(name, 700)] * 300
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "x" * 1000}) as tar:
        for number in range(1200):
            tar.addfile(tarfile.TarInfo(f"{number}"))
    assert len(read(stream.getvalue())) == 1200


def copy_large(path: Path) -> int:
    """Copies an archive of 100 MB and 20,000 headers; returns the growth of memory."""
    block = bytes(5000)
    with path.open("wb") as stream:
        writer = TarWriter(stream)
        for number in range(20_000):
            writer.add(tarfile.TarInfo(), f"{number:06}.txt", len(block), io.BytesIO(block))
        writer.close()
    before = peak_bytes()
    with path.open("rb") as source, path.with_suffix(".copy").open("wb") as target:
        writer = TarWriter(target)
        for info, contents in members(source):
            writer.add(info, info.name, info.size, contents)
        writer.close()
    return peak_bytes() - before


@pytest.mark.slow
def test_memory_does_not_grow(tmp_path: Path) -> None:
    assert in_own_process(copy_large, tmp_path / "large.tar") < 10_000_000
