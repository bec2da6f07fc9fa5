from __future__ import annotations

from pathlib import Path

import pytest
from effort_levels import (
    LevelsError,
    format_levels,
    level_gains,
    measure_levels,
    parse_levels,
)
from PIL import Image
from skimage import data

from cnncompress.evaluation.environment import current_environment
from cnncompress.evaluation.results import CodecResults, Measurement, Results


def scores(quality: float) -> dict[str, float | None]:
    return {"psnr": 30.0 + quality, "ssimulacra2": 60.0 + quality}


def results_of(name: str, rate: float, seconds: float) -> CodecResults:
    """A curve with a rate that is a multiple of another one's at equal PSNR."""
    rows = tuple(
        Measurement(
            "x/a.png",
            quality,
            1000,
            500,
            1,
            rate * quality,
            seconds,
            0.1,
            {"psnr": 30.0 + quality, "ssimulacra2": 60.0 + quality},
        )
        for quality in (1.0, 2.0, 3.0, 4.0)
    )
    return CodecResults(name, "made up", current_environment(), rows)


def test_levels_are_compared_with_level_0() -> None:
    gains = level_gains(Results((results_of("cnc-e0", 1.0, 0.1), results_of("cnc-e3", 0.9, 0.4))))
    assert [gain.level for gain in gains] == [0, 3]
    assert gains[0].bd_rates == pytest.approx((0.0, 0.0)) and gains[0].ratio == 1.0
    assert gains[1].bd_rates == pytest.approx((-10.0, -10.0))
    assert gains[1].seconds_per_megapixel == pytest.approx(0.8) and gains[1].ratio == pytest.approx(4.0)
    assert "| 3 | -10.00 % | -10.00 % | 0.80 | 4.0 |" in format_levels(gains)


@pytest.mark.parametrize("names", [("cnc-e1", "cnc-e2"), ("cnc-e0", "jpeg")])
def test_other_codecs_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(LevelsError, match="no levels of effort"):
        level_gains(Results(tuple(results_of(name, 1.0, 0.1) for name in names)))


def test_names_of_levels() -> None:
    assert parse_levels("9,3,3") == (0, 3, 9)
    for text in ("", "10", "-1", "a", "1,"):
        with pytest.raises(LevelsError, match="levels are 0"):
            parse_levels(text)


def test_levels_are_measured_through_the_public_interface(tmp_path: Path) -> None:
    paths = [tmp_path / "coffee.png", tmp_path / "again.png"]
    for path in paths:
        Image.fromarray(data.coffee()[100:260, 150:406]).save(path)
    counted: list[None] = []
    first, both = measure_levels(paths, (0, 1), (60.0, 30.0), device="cpu", progress=lambda: counted.append(None))
    single, refined = both.codecs
    assert (single.codec, refined.codec, len(counted)) == ("cnc-e0", "cnc-e1", 8)
    assert "effort 1" in refined.settings and "effort" not in single.settings
    assert [[(row.image, row.quality) for row in codec.rows] for codec in first.codecs] == [
        [(single.images[1], 30.0), (single.images[1], 60.0)]
    ] * 2
    assert [row.quality for row in refined.rows] == [30.0, 60.0] * 2
    gains = level_gains(both)
    assert gains[1].bd_rates != gains[0].bd_rates
    assert any(rate is not None and rate < 0 for rate in gains[1].bd_rates)
