"""No room for the output: one line, exit code 5, and everything as it was before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnncompress.api.calls import compress
from cnncompress.errors import OutputError
from cnncompress.files.outputs import copy_file, write_output

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")

LIMIT = 1000
"""No file may grow beyond so many bytes, as if the disk were full then."""

LIMITED = (
    f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT})); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


def cnncompress(
    *arguments: str | Path, limited: bool = True, to_full: bool = False
) -> subprocess.CompletedProcess[str]:
    """Runs the command, with little room for files, or with a full device as its standard output."""
    command = [sys.executable, *(["-c", LIMITED] if limited else []), "-m", "cnncompress", *map(str, arguments)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with open("/dev/full" if to_full else os.devnull, "wb") as stdout:
        return subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment, check=False, timeout=300
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture whose pixels are too much for the limit, and the .cnc file of it."""
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    noise.save(tmp_path / "noise.png")
    (tmp_path / "noise.cnc").write_bytes(compress(noise, coding="lossless"))
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize(
    ("command", "source", "target"),
    [(("decompress",), "noise.cnc", "out.png"), (("compress", "--lossless"), "noise.png", "out.cnc")],
)
def test_nothing_is_lost_or_left(
    folder: Path, command: tuple[str, ...], source: str, target: str, existing: bool
) -> None:
    if existing:
        (folder / target).write_bytes(b"old")
    before = contents(folder)
    done = cnncompress(*command, folder / source, folder / target, *(["-f"] if existing else []))
    assert done.returncode == OutputError.exit_code
    assert done.stderr.splitlines() == [f"cnncompress: {folder / target}: file too large"]
    assert contents(folder) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("decompress", "noise.cnc", "-"),
        ("decompress", "--format", "ppm", "noise.cnc", "-"),
        ("info", "noise.cnc"),
        ("info", "--json", "noise.cnc"),
        ("models",),
        ("--help",),
        ("--version",),
    ],
)
def test_full_standard_output(folder: Path, arguments: tuple[str, ...]) -> None:
    """Whether it is noticed at once, or only when what was buffered is written at the end."""
    paths = [folder / argument if argument.endswith(".cnc") else argument for argument in arguments]
    done = cnncompress(*paths, limited=False, to_full=True)
    assert done.stderr.splitlines() == ["cnncompress: -: no space left on device"]
    assert done.returncode == OutputError.exit_code


def test_full_device_by_its_name() -> None:
    with pytest.raises(OutputError, match="no space left on device"):
        write_output("/dev/full", b"data", force=False)


def test_copies(tmp_path: Path) -> None:
    """Within this process, whose limit cannot be raised again if it is lowered for good."""
    resource = pytest.importorskip("resource")
    (tmp_path / "source").write_bytes(bytes(10 * LIMIT))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    try:
        with pytest.raises(OutputError, match="file too large"):
            copy_file(str(tmp_path / "source"), str(tmp_path / "target"), force=False)
        with pytest.raises(OutputError, match="file too large"):
            write_output(str(tmp_path / "target"), bytes(10 * LIMIT), force=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert contents(tmp_path) == {"source": bytes(10 * LIMIT)}
