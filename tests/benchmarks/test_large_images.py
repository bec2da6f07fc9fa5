"""The benchmark of large images, with small ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_runs import CommandError
from large_images import (
    Cost,
    LargeResult,
    Preview,
    format_large,
    format_previews,
    measure_large,
    measure_previews,
    tiling_overhead,
    write_mosaic,
)
from PIL import Image
from skimage import data

from cnncompress.api.codec import Codec


def test_mosaics_are_cut_from_the_sources(tmp_path: Path) -> None:
    sources = [Image.fromarray(data.coffee()), Image.fromarray(data.astronaut())]
    write_mosaic(tmp_path / "mosaic.ppm", 1_000_000, sources)
    with Image.open(tmp_path / "mosaic.ppm") as image:
        pixels = np.array(image)
    assert pixels.shape == (866, 1155, 3)
    assert (pixels[:400, :600] == data.coffee()).all() and (pixels[:512, 600:1112] == data.astronaut()).all()
    write_mosaic(tmp_path / "generated.ppm", 10, [])
    with Image.open(tmp_path / "generated.ppm") as image:
        assert image.size == (4, 2)


@pytest.mark.slow
def test_command_is_measured(random_model: Path, tmp_path: Path) -> None:
    options = ["--model", str(random_model), "--device", "cpu", "-T", "1"]
    sources = [Image.fromarray(data.coffee())]
    (result,) = measure_large([0.02], sources, 50, options, repeat=1)
    assert result.megapixels == pytest.approx(0.02, rel=0.01) and result.bpp > 0
    for cost in (result.compress, result.decompress):
        assert cost.seconds > 0 and cost.peak_mib is not None and 50 < cost.peak_mib < 4000
    with pytest.raises(CommandError, match="compress failed with exit code 6"):
        next(measure_large([0.02], sources, 50, ["--model", str(tmp_path / "none.safetensors")], repeat=1))


@pytest.mark.slow
def test_overhead_of_an_image_that_is_one_tile_is_nothing(random_model: Path) -> None:
    options = ["--model", str(random_model), "--device", "cpu", "--if-larger", "keep"]
    assert tiling_overhead(0.01, [], 50, options) == 0.0


def test_previews_are_compared_with_full_images(codec: Codec) -> None:
    images = [Image.fromarray(data.coffee()[:131, :202])]
    previews = measure_previews(codec, images, 50)
    assert [preview.scale for preview in previews] == [1 / 2, 1 / 4, 1 / 8]
    assert all(preview.psnr > 36 and preview.time > 0 for preview in previews)
    line = format_previews([Preview(0.5, 44.04, 0.419), Preview(0.125, 50.0, 0.4)])
    assert line == (
        "previews against full images made as small: 1/2 44.0 dB in 0.42 of the time, 1/8 50.0 dB in 0.40 of the time"
    )


def test_line_has_ratios_to_the_smallest() -> None:
    smallest = LargeResult(1.0, 0.5, Cost(1.0, 800.0), Cost(0.5, None))
    line = format_large(LargeResult(12.0, 0.5, Cost(1.2, 900.4), Cost(0.75, None)), smallest)
    assert line == (
        "  12.0 MP, 0.50 bpp: compress 1.200 s/MP (1.20x), peak 900 MiB; "
        "decompress 0.750 s/MP (1.50x), peak not known here"
    )
