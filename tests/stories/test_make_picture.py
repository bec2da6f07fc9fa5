"""The script that makes the picture of the README, and the picture."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner
from loaded_scripts import load_script
from numpy.typing import NDArray
from PIL import Image

from cnncompress.images.view import Rectangle
from cnncompress.report.measure import AtQuality, Original, Version

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "results" / "chelsea.webp"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("scripts/make_picture.py")


def version(codec: str, score: float, value: int) -> Version:
    pixels = np.full((50, 60, 3), value, np.uint8)
    return Version(codec, 30.0, bytes(1234), pixels, 0.1, 0.1, 30.0, score, None, None)


def test_every_codec_shows_the_same_part(script: ModuleType) -> None:
    original = np.arange(50 * 60 * 3, dtype=np.uint32).astype(np.uint8).reshape(50, 60, 3)
    versions = (version("cnc", 40.0, 50), version("jpeg", 10.0, 10), version("avif", 45.0, 60))
    measured = Original("a.png", 1, original), AtQuality(30.0, versions)
    drawn = np.asarray(script.draw_picture(*measured, Rectangle(10, 20, 40, 45), 3))
    gap, step_x, step_y = script.GAP, 3 * 30 + script.GAP, 3 * 25 + script.LABEL + script.GAP
    cells = [
        drawn[y : y + 75, x : x + 90] for y, x in [(gap, gap + n * step_x) for n in range(3)] + [(gap + step_y, gap)]
    ]
    assert np.array_equal(cells[0][1::3, 1::3], original[20:45, 10:40])
    assert np.array_equal(cells[0][::3, ::3], cells[0][2::3, 2::3])
    assert [int(cell.min()) for cell in cells[1:]] == [10, 50, 60], "by rising score"
    label = drawn[gap + 75 : gap + 75 + script.LABEL, gap : gap + 90]
    assert (label < 128).any() and (label == 255).any()


def test_a_part_outside_is_refused(script: ModuleType, tmp_path: Path) -> None:
    arguments = [str(ROOT / "samples" / "chelsea.png"), "-o", str(tmp_path / "a.webp"), "--crop", "-1", "0", "5", "5"]
    assert CliRunner().invoke(script.main, arguments).exit_code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_others_get_at_least_as_many_bytes(script: ModuleType, coffee: NDArray[np.uint8], tmp_path: Path) -> None:
    pytest.importorskip("pillow_jxl")
    pytest.importorskip("ssimulacra2")
    Image.fromarray(coffee[:240, :256]).save(tmp_path / "a.png")
    output = tmp_path / "a.webp"
    arguments = [str(tmp_path / "a.png"), "-o", str(output), "-q", "50", "--crop", "50", "60", "40", "30"]
    done = CliRunner().invoke(script.main, arguments)
    assert done.exit_code == 0, done.output
    rows = dict(re.findall(r"^\| `([\w-]+)`: .* \| ([\d,]+) \| [\d.]+ \| [\d.]+ dB \|", done.output, re.MULTILINE))
    sizes = {name: int(text.replace(",", "")) for name, text in rows.items()}
    assert set(sizes) == {"cnc", *script.PEERS}
    assert all(size >= sizes["cnc"] for size in sizes.values())
    with Image.open(output) as picture:
        assert picture.size == (3 * 88 + 8, 2 * (60 + script.LABEL + 8) + 8)


def test_the_picture_of_the_readme() -> None:
    assert PICTURE.stat().st_size <= 300_000
    assert f"]({PICTURE.relative_to(ROOT)})" in (ROOT / "README.md").read_text(encoding="utf-8")
    with Image.open(PICTURE) as picture:
        assert picture.width > 700
