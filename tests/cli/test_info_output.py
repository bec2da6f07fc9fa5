"""What ``info`` shows of files, damaged ones too: a table and lines of JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cnc_data import DATA
from command_line import run, spawn

from cnncompress.bitstream.container import Chunk, ChunkType, Container, Header, Layout, pack
from cnncompress.units import Hundredths


def test_info_table(good: Path) -> None:
    result = run("info", good)
    assert (result.exit_code, result.stderr) == (0, "")
    headings, values = (line.split(maxsplit=9) for line in result.stdout.splitlines())
    assert headings == ["size", "mode", "coding", "quality", "bytes", "bpp", "model", "tiles", "chunks", "file"]
    assert values[:7] == ["20x10", "RGB", "learned", "62.5", "70", "2.800", "unknown"]
    assert result.stdout.splitlines()[1].endswith(f"unknown (00ff1234)  1      latents:50  {good}")


def test_info_json(good: Path) -> None:
    again = good.with_name("again.cnc")
    again.write_bytes(good.read_bytes())
    result = run("info", "--json", good, again, good)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code, {**lines[0], "input": str(again)}) == (0, lines[1])
    assert len(lines) == 2, "a file that is named twice is shown once"
    assert lines[0] == {
        "schema": 1,
        "type": "file",
        "input": str(good),
        "status": "ok",
        "width": 20,
        "height": 10,
        "mode": "RGB",
        "coding": "learned",
        "quality": 62.5,
        "format_version": 1,
        "fingerprint": "00ff1234",
        "model": None,
        "input_bytes": 70,
        "bpp": 2.8,
        "chunks": [{"type": "latents", "bytes": 50}],
        "original": None,
        "source": None,
        "tiles": 1,
        "tile_side": 0,
    }


def test_info_of_a_file_that_needs_no_model(tmp_path: Path) -> None:
    path = tmp_path / "stored.cnc"
    chunks = (Chunk(ChunkType.ORIGINAL, b"GIF89a"), Chunk(ChunkType.SOURCE, b"\6\0\0\0\0gif"))
    path.write_bytes(pack(Container(Header(Layout.RGB, 20, 10, Hundredths(0), bytes(4)), chunks)))
    values = run("info", path).stdout.splitlines()[1].split(maxsplit=8)
    assert values == ["20x10", "RGB", "stored", "-", "37", "1.480", "-", "1", f"original:6 source:8  {path}"]
    facts = json.loads(run("info", "--json", path).stdout)
    assert (facts["quality"], facts["fingerprint"], facts["original"]) == (None, None, "gif")
    assert facts["source"] == {"ending": "gif", "size": 6}


def test_info_reads_standard_input() -> None:
    assert "20x10" in run("info", "-", data=DATA).stdout
    done = spawn("info", "--json", "-", data=DATA)
    assert json.loads(done.stdout)["input"] == "-"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"GIF89a", "not a .cnc file"),
        (DATA[:-1], "1 of 50 payload bytes are missing"),
    ],
)
def test_info_of_damaged_files(data: bytes, reason: str, good: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.cnc"
    bad.write_bytes(data)
    result = run("info", bad, good)
    assert (result.exit_code, result.stderr) == (1, f"cnncompress: {bad}: {reason}\n")
    assert str(good) in result.stdout
    lines = [json.loads(line) for line in run("info", "--json", bad, good, tmp_path / "missing").stdout.splitlines()]
    assert lines[0] == {
        "schema": 1,
        "type": "file",
        "input": str(bad),
        "status": "error",
        "error": reason,
        "exit_code": 4,
    }
    assert [line["status"] for line in lines] == ["error", "ok", "error"]
    assert run("info", bad).exit_code == 4
    done = spawn("info", bad)
    assert (done.returncode, done.stdout, done.stderr) == (
        4,
        b"",
        f"cnncompress: {bad}: {reason}{os.linesep}".encode(),
    )
