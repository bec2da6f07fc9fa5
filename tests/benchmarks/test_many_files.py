from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_runs import CommandError
from many_files import (
    BatchTimes,
    format_batch,
    make_photographs,
    measure_batch,
)
from PIL import Image
from skimage import data


def test_photographs_are_of_mixed_sizes_and_always_the_same(tmp_path: Path) -> None:
    sources = [Image.fromarray(data.coffee()), Image.fromarray(data.astronaut())]
    (tmp_path / "again").mkdir()
    paths = make_photographs(tmp_path, 6, sources, smallest=1000, largest=9000)
    again = make_photographs(tmp_path / "again", 6, sources, smallest=1000, largest=9000)
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
    sizes = []
    for path in paths:
        with Image.open(path) as image:
            sizes.append(image.size)
    pixels = sorted(width * height for width, height in sizes)
    assert pixels[0] == pytest.approx(1000, rel=0.05) and pixels[-1] == pytest.approx(9000, rel=0.05)
    assert len(set(sizes)) == 6 and {path.suffix for path in paths} == {".jpg", ".png"}
    (generated,) = make_photographs(tmp_path, 1, [], smallest=400, largest=400)
    with Image.open(generated) as image:
        assert np.asarray(image).std() > 10


@pytest.mark.slow
def test_one_run_is_compared_with_single_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    paths = make_photographs(tmp_path / "in", 4, [Image.fromarray(data.coffee())], smallest=3000, largest=9000)
    times = measure_batch(paths, tmp_path / "out", 1, ["--lossless"])
    assert times.images == 4 and 0.012 < times.megapixels < 0.036
    assert min(times.together, times.one_by_one, times.serial, times.apart) > 0
    (tmp_path / "in" / "bad.png").write_bytes(paths[1].read_bytes()[:500])
    with pytest.raises(CommandError, match=r"exit code 1: .*bad\.png"):
        measure_batch([*paths, paths[0].with_name("bad.png")], tmp_path / "other", 1, ["--lossless"])


def test_speeds_and_ratios_are_printed() -> None:
    text = format_batch(
        BatchTimes(images=48, megapixels=48.0, together=10.0, one_by_one=16.0, serial=19.0, apart=120.0)
    )
    assert "4.80 images/s, 4.80 MP/s" in text
    for ratio in ("1.60", "1.90", "12.00"):
        assert f"(one run is {ratio}x as fast)" in text
