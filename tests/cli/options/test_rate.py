"""Targets in the place of a quality, on the command line."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from numpy.typing import NDArray
from PIL import Image

from cnncompress.probe import probe

OPTIONS = {"-q": "50", "--bpp": "1", "--target-size": "2k", "--target-psnr": "30", "--lossless": None}


compress = partial(run, "compress")


@pytest.fixture
def photo(tmp_path: Path, coffee: NDArray[np.uint8]) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(coffee[60:188, 180:340]).save(path)
    return path


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(OPTIONS, 2)))
def test_one_at_most(photo: Path, one: str, other: str) -> None:
    given = [part for option in (one, other) for part in (option, OPTIONS[option]) if part is not None]
    result = compress(*given, photo)
    assert result.exit_code == 2 and "exclude each other" in result.stderr
    assert not photo.with_suffix(".cnc").exists()


@pytest.mark.parametrize(
    ("coding", "option"), [*itertools.product(["lossless"], ["-q", "--bpp", "--target-size", "-e"]), ("avif", "-e")]
)
def test_codings_that_have_no_use_for_an_option(photo: Path, coding: str, option: str) -> None:
    result = compress("--coding", coding, option, OPTIONS.get(option) or "3", photo)
    assert result.exit_code == 2 and f"--coding {coding} and --" in result.stderr
    assert not photo.with_suffix(".cnc").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[(option, value) for option in ("--bpp", "--target-psnr") for value in ("0", "-1", "nan", "inf", "much")],
        *[("--target-size", value) for value in ("0", "0.9", "-5", "1e3", "k", "5 k", "2T", "nan", "٣")],
    ],
)
def test_no_targets(photo: Path, option: str, value: str) -> None:
    assert compress(f"{option}={value}", photo).exit_code == 2


def test_targets_are_met(photo: Path) -> None:
    packed = photo.with_suffix(".cnc")
    for value, size in (("2.3k", 2300), ("1500", 1500)):
        assert compress("-f", "--target-size", value, "--device", "cpu", photo).exit_code == 0
        assert 0.98 * size <= packed.stat().st_size <= size
    result = compress("-v", "-f", "--bpp", "0.5", "--device", "cpu", photo)
    info = probe(packed.read_bytes())
    assert result.exit_code == 0 and 0.49 <= info.bpp <= 0.5
    assert f"  160x128  quality {info.quality:g}  " in result.stderr


def test_what_cannot_be_reached_exits_with_8(photo: Path) -> None:
    for option, value in (("--target-size", "50"), ("--target-psnr", "90")):
        result = compress(option, value, "--device", "cpu", photo)
        assert result.exit_code == 8 and result.stderr.startswith(f"cnncompress: {photo}: cannot be brought to ")
        assert result.stderr.count("\n") == 1 and not photo.with_suffix(".cnc").exists()


def test_a_dry_run_knows_the_size(photo: Path) -> None:
    def expected(*target: str) -> str:
        return compress("-N", *target, photo).stderr.rpartition("about ")[2]

    assert (expected("--target-size", "2.3k"), expected("--bpp", "1")) == ("2.3 kB\n", "2.6 kB\n")
    assert expected("--target-psnr", "31") != expected("--target-psnr", "33")
