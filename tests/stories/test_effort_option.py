"""``compress --effort``."""

from __future__ import annotations

import json
import signal
import tarfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from PIL import Image
from skimage import data

import cnncompress
from cnncompress.batch.cnc_files import record_for
from cnncompress.bitstream.container import ChunkType, unpack
from cnncompress.cli.reporting import Reporter


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.png"
    Image.fromarray(data.coffee()[140:210, 220:320]).save(path)
    return path


def test_the_file_is_that_of_the_python_interface(image: Path, codec: cnncompress.Codec) -> None:
    result = run("compress", "-e", "2", "-q", "50", "--device", "cpu", image)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    source = record_for(str(image), image.stat().st_size)
    expected = codec.compress(image, 50, effort=2, source=source)
    assert image.with_suffix(".cnc").read_bytes() == expected != codec.compress(image, 50, source=source)


def test_one_signal_writes_the_best_so_far(
    image: Path, codec: cnncompress.Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(done: int, total: int) -> None:
        assert done <= 3 < total
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Reporter, "image_progress", lambda self, effort: nullcontext(interrupt))
    result = run("compress", "--effort", "9", "-q", "50", "--device", "cpu", image)
    assert result.exit_code == 130
    # The first two rounds are the same for all levels that have as many.
    source = record_for(str(image), image.stat().st_size)
    assert image.with_suffix(".cnc").read_bytes() == codec.compress(image, 50, effort=2, source=source)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("pictures", [1, 2])
def test_one_signal_gives_up_a_tar(image: Path, monkeypatch: pytest.MonkeyPatch, pictures: int) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 3:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Reporter, "image_progress", lambda self, effort: nullcontext(interrupt))
    source, out = image.with_name("in.tar"), image.with_name("out")
    with tarfile.open(source, "w") as tar:
        for number in range(pictures):
            tar.add(image, f"{number}.png")
    result = run("compress", "--tar", "-e", "9", "-q", "50", "--device", "cpu", "-d", out, "--json", source)
    assert result.exit_code == 143 and "1 skipped (interrupted)" in result.stderr
    assert not out.exists() or not any(out.iterdir()), "a tar of less effort counts as finished"
    assert json.loads(result.stdout.splitlines()[-1])["exit_code"] == 143


@pytest.mark.parametrize("arguments", [("-e", "10"), ("-e", "-1"), ("-e", "2.5"), ("-e", "1", "--lossless")])
def test_wrong_command_lines(image: Path, arguments: tuple[str, ...]) -> None:
    result = run("compress", *arguments, image)
    assert result.exit_code == 2 and not image.with_suffix(".cnc").exists()


def test_several_files_are_refined_too(image: Path, codec: cnncompress.Codec, tmp_path: Path) -> None:
    other = image.with_name("other.png")
    Image.fromarray(np.ascontiguousarray(data.coffee()[200:264, 100:164])).save(other)
    result = run("compress", "-e", "1", "-q", "30", "--device", "cpu", "-d", tmp_path / "out", image, other)
    assert result.exit_code == 0
    for path in (image, other):
        made, expected = (tmp_path / "out" / f"{path.stem}.cnc").read_bytes(), codec.compress(path, 30, effort=1)
        assert unpack(made).payload(ChunkType.LATENTS) == unpack(expected).payload(ChunkType.LATENTS)
