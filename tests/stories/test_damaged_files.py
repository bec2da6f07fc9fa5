"""Damaged files on the command line: one line, one exit code, and no output."""

from __future__ import annotations

import os
import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from command_line import COMMAND, run
from PIL import Image
from sample_files import encoded

from cnncompress.api.calls import compress, store_original
from cnncompress.bitstream.container import Chunk, ChunkType, Container, Header, Layout, pack
from cnncompress.errors import (
    BadMagic,
    BitstreamError,
    Corrupt,
    LimitExceeded,
    Truncated,
    UnknownModel,
    UnsupportedVersion,
)
from cnncompress.units import Hundredths

SAMPLES_PER_PIXEL = 277


def resealed(data: bytearray) -> bytes:
    """A lossless file of less than 128 bytes and one chunk with its checksum made right."""
    struct.pack_into("<I", data, 12, zlib.crc32(data[:12] + data[16:]))
    return bytes(data)


def with_header(data: bytes, position: int, value: bytes) -> bytes:
    changed = bytearray(data)
    changed[position : position + len(value)] = value
    return resealed(changed)


def stored(original: bytes) -> bytes:
    chunk = Chunk(ChunkType.ORIGINAL, original)
    return pack(Container(Header(Layout.RGB, 5, 4, Hundredths(0), bytes(4)), (chunk,)))


def odd_tiff() -> bytes:
    """Declares 2048 samples a pixel, which Pillow writes a line about to its log."""
    data = bytearray(encoded(Image.new("RGB", (5, 4)), "TIFF"))
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    for position in range(directory + 2, directory + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, position) == (SAMPLES_PER_PIXEL,):
            struct.pack_into("<H", data, position + 8, 2048)
    return bytes(data)


GOOD = compress(Image.new("RGB", (5, 4), (1, 2, 3)), coding="lossless")
LEARNED = pack(
    Container(Header(Layout.RGB, 5, 4, Hundredths(50_00), b"\x01\x23\x45\x67"), (Chunk(ChunkType.LATENTS, b"abcd"),))
)
CASES: dict[str, tuple[bytes, type[BitstreamError] | type[LimitExceeded] | type[UnknownModel], str]] = {
    "empty": (b"", Truncated, "the file is empty"),
    "foreign": (b"\x89PNG\r\n\x1a\n", BadMagic, "not a .cnc file"),
    "cut": (GOOD[:-1], Truncated, "1 of "),
    "flipped": (GOOD[:-1] + bytes([GOOD[-1] ^ 1]), Corrupt, "checksum of the lossless chunk does not match"),
    "flipped-header": (GOOD[:5] + b"\x07" + GOOD[6:], Corrupt, "checksum of the lossless chunk does not match"),
    "newer": (with_header(GOOD, 3, b"\x02"), UnsupportedVersion, "format version 2"),
    "other-size": (with_header(GOOD, 5, b"\x06"), Corrupt, "5x4 pixels, expected 6x4"),
    "large": (with_header(GOOD, 5, b"\xff\xff\xff\xff"), LimitExceeded, "65535x65535"),
    "model": (LEARNED, UnknownModel, "01234567"),
    "damaged-original": (stored(odd_tiff()), Corrupt, "stored original cannot be read"),
    "no-original": (stored(b""), Corrupt, "stored original cannot be read"),
    "nested": (stored(GOOD), Corrupt, "stored original cannot be read"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    """All files through ``decompress``, one command each, all at the same time."""
    folder = tmp_path_factory.mktemp("damaged")
    started = {}
    for name, (data, _, _) in CASES.items():
        (folder / f"{name}.cnc").write_bytes(data)
        command = [*COMMAND, "decompress", f"{name}.cnc", f"{name}.png"]
        started[name] = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
        )
    results = {}
    for name, process in started.items():
        stdout, stderr = process.communicate(timeout=300)
        results[name] = subprocess.CompletedProcess([], process.returncode, stdout, stderr)
    assert sorted(path.suffix for path in folder.iterdir()) == [".cnc"] * len(CASES), "an output, or a part of one"
    return results


@pytest.mark.parametrize("name", CASES)
def test_one_line(name: str, results: dict[str, subprocess.CompletedProcess[str]]) -> None:
    _, error, message = CASES[name]
    done = results[name]
    assert done.returncode == error.exit_code and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"cnncompress: {name}.cnc: ") and message in line


DAMAGED_INSIDE = {"other-size", "large", "model", "damaged-original", "no-original", "nested"}
"""What only decoding finds out, or is no damage at all."""


@pytest.mark.parametrize("command", ["info", "test"])
@pytest.mark.parametrize("name", CASES)
def test_looking_without_decoding(name: str, command: str, tmp_path: Path) -> None:
    data, error, message = CASES[name]
    path = tmp_path / f"{name}.cnc"
    path.write_bytes(data)
    done = run(command, path)
    if name in DAMAGED_INSIDE:
        assert done.exit_code == 0 and done.stderr == ""
        return
    assert done.exit_code == error.exit_code and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"cnncompress: {path}: ") and message in line


def test_good_file_is_good(tmp_path: Path) -> None:
    """The cases above are damaged by what is damaged in them, and not by how they are made."""
    tiff = encoded(Image.new("RGB", (5, 4)), "TIFF")
    assert store_original(tiff) == stored(tiff)
    assert resealed(bytearray(GOOD)) == GOOD
