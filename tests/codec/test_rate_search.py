"""The search for a quality, on functions in the place of a codec."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.codec.rate_search import (
    MAX_TRIALS,
    Window,
    expected_bpp,
    find_quality,
    quality_of_psnr,
    quality_of_rate,
    rate_slope,
)
from cnncompress.model.manifest import Typical
from cnncompress.units import HIGHEST_QUALITY, Hundredths

TYPICAL = Typical((0.0, 25.0, 50.0, 75.0, 100.0), (0.05, 0.13, 0.34, 0.75, 1.5), (25.0, 27.6, 30.6, 34.2, 38.4))


class Codec:
    """Notes the qualities that were tried."""

    def __init__(self, value: Callable[[int], float]) -> None:
        self.value = value
        self.tried: list[int] = []

    def __call__(self, quality: int) -> float:
        assert 0 <= quality <= HIGHEST_QUALITY and quality not in self.tried
        self.tried.append(quality)
        return self.value(quality)


def size_window(size: float) -> Window:
    return Window(math.log(size * 0.98), math.log(size), "high", rate_slope(TYPICAL))


def photograph(complexity: float, overhead: int, grain: int) -> Callable[[int], float]:
    """Logarithm of the size of a file that grows like those of photographs, in steps of a few bytes."""

    def log_size(quality: int) -> float:
        payload = complexity * 50_000 * expected_bpp(TYPICAL, quality / 100)
        return math.log(overhead + grain * round(payload / grain))

    return log_size


@given(
    complexity=st.floats(0.2, 5.0),
    overhead=st.integers(30, 3000),
    place=st.floats(0.01, 0.99),
    start=st.integers(0, HIGHEST_QUALITY),
)
def test_sizes_are_met_in_few_trials(complexity: float, overhead: int, place: float, start: int) -> None:
    log_size = photograph(complexity, overhead, 4)
    size = math.exp(log_size(round(place * HIGHEST_QUALITY)))
    codec = Codec(log_size)
    found = find_quality(size_window(size * 1.005), codec, Hundredths(start))
    assert found is not None and found in codec.tried and len(codec.tried) <= MAX_TRIALS
    assert size * 0.98 <= math.exp(log_size(found)) <= size * 1.006


def test_the_usual_case_takes_three_trials_or_so() -> None:
    trials = []
    for complexity in (0.3, 0.6, 1.0, 1.7, 3.0):
        for place in (0.1, 0.3, 0.6, 0.9):
            log_size = photograph(complexity, 60, 4)
            size = math.exp(log_size(round(place * HIGHEST_QUALITY)))
            codec = Codec(log_size)
            find_quality(size_window(size), codec, Hundredths(round(100 * quality_of_rate(TYPICAL, size / 50_000))))
            trials.append(len(codec.tried))
    assert sum(trials) / len(trials) <= 3.5 and max(trials) <= 5


@given(
    values=st.lists(st.floats(-5.0, 5.0), min_size=101, max_size=101),
    low=st.floats(-6.0, 6.0),
    bound=st.sampled_from(["low", "high"]),
    start=st.integers(0, HIGHEST_QUALITY),
)
def test_the_bound_is_kept_to_whatever_the_function(values: list[float], low: float, bound: str, start: int) -> None:
    codec = Codec(lambda quality: values[quality // 100])
    window = Window(low, low + 0.02, bound, 1e-3)  # type: ignore[arg-type]
    found = find_quality(window, codec, Hundredths(start))
    assert 1 <= len(codec.tried) <= MAX_TRIALS
    if found is None:
        assert window.safest in codec.tried and not any(window.admits(codec.value(each)) for each in codec.tried)
    else:
        assert found in codec.tried and window.admits(codec.value(found))


@pytest.mark.parametrize("start", [0, 4000, HIGHEST_QUALITY])
def test_what_lies_beyond_all_qualities(start: int) -> None:
    def value(quality: int) -> float:
        return quality / 1000

    assert find_quality(Window(-2.0, -1.0, "high", 1e-3), Codec(value), Hundredths(start)) is None
    assert find_quality(Window(20.0, 21.0, "high", 1e-3), Codec(value), Hundredths(start)) == HIGHEST_QUALITY
    assert find_quality(Window(20.0, 21.0, "low", 1e-3), Codec(value), Hundredths(start)) is None
    assert find_quality(Window(-2.0, -1.0, "low", 1e-3), Codec(value), Hundredths(start)) == 0


def test_a_leap_over_the_window_ends_on_the_side_of_the_bound() -> None:
    def leap(quality: int) -> float:
        return 1.0 if quality < 5000 else 3.0

    for bound, expected in (("high", 1.0), ("low", 3.0)):
        codec = Codec(leap)
        found = find_quality(Window(1.9, 2.0, bound, 1e-3), codec, 3000)  # type: ignore[arg-type]
        assert found is not None and leap(found) == expected


def test_first_guesses_are_within_the_range() -> None:
    assert quality_of_rate(TYPICAL, 1e-9) == quality_of_psnr(TYPICAL, 1.0) == 0.0
    assert quality_of_rate(TYPICAL, 1e9) == quality_of_psnr(TYPICAL, 99.0) == 100.0
    assert expected_bpp(TYPICAL, quality_of_rate(TYPICAL, 0.5)) == pytest.approx(0.5)
