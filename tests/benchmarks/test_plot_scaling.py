from __future__ import annotations

import math
from pathlib import Path

import pytest
from plot_scaling import ScalingCurve, crossing, plot_scaling

from cnncompress.errors import OutputError


def curve(name: str, factor: float, exponent: float) -> ScalingCurve:
    minutes = (10.0, 20.0, 40.0)
    return ScalingCurve(name, 1_000_000, minutes, tuple(factor * m**exponent for m in minutes))


def test_an_exact_power_law_is_found() -> None:
    factor, exponent = curve("small", 1.5, -0.1).power_law()
    assert math.isclose(factor, 1.5) and math.isclose(exponent, -0.1)
    assert math.isclose(curve("small", 1.5, -0.1).at(960.0), 1.5 * 960.0**-0.1)


def test_one_run_makes_no_law() -> None:
    single = ScalingCurve("long", 2_000_000, (600.0,), (0.9,))
    assert not single.has_power_law and curve("small", 1.5, -0.1).has_power_law
    with pytest.raises(ValueError, match="long: a power law needs runs of two lengths"):
        single.at(100.0)


def test_where_a_larger_network_overtakes() -> None:
    small, large = curve("small", 1.5, -0.1), curve("large", 1.8, -0.15)
    minutes = crossing(small, large)
    assert minutes is not None and math.isclose(minutes, (1.8 / 1.5) ** (1 / 0.05))
    assert math.isclose(small.at(minutes), large.at(minutes))
    assert crossing(small, curve("worse", 1.6, -0.1)) is None


def test_plot_names_the_networks(tmp_path: Path) -> None:
    single = ScalingCurve("long", 2_000_000, (600.0,), (0.9,))
    plot_scaling([curve("small", 1.5, -0.1), curve("large", 1.8, -0.15), single], tmp_path / "s.svg", until=1000.0)
    text = (tmp_path / "s.svg").read_text()
    assert ">small, 1.0 M<" in text and ">large, 1.0 M<" in text and ">long, 2.0 M<" in text and "minutes" in text
    with pytest.raises(OutputError):
        plot_scaling([curve("small", 1.5, -0.1)], tmp_path / "s.gif", until=100.0)
