from __future__ import annotations

from cnncompress.evaluation.environment import Environment
from cnncompress.evaluation.markdown import bd_rate_markdown, curve_markdown
from cnncompress.evaluation.results import CodecResults, Measurement, Results

_POINTS = ((0.2, 28.0, -10.0), (0.5, 32.0, 30.0), (1.0, 36.0, 60.0))


def _codec(name: str, factor: float) -> CodecResults:
    rows = tuple(
        Measurement("set/a.png", 10 * step, 100, 100, 1, factor * rate, 0.1, 0.1, {"psnr": psnr, "ssimulacra2": score})
        for step, (rate, psnr, score) in enumerate(_POINTS)
    )
    return CodecResults(name, f"settings of {name}", Environment("3", "system", "processor", 1, ()), rows)


def test_a_row_for_each_peer_and_a_column_for_each_metric() -> None:
    results = Results((_codec("jpeg", 2.0), _codec("cnc", 1.0), _codec("vtm", 0.8)))
    assert bd_rate_markdown(results, results.codec("cnc")).splitlines() == [
        "| `cnc` against | PSNR | SSIMULACRA2 |",
        "| --- | ---: | ---: |",
        "| `jpeg`: settings of jpeg | \N{MINUS SIGN}50.0 % | \N{MINUS SIGN}50.0 % |",
        "| `vtm`: settings of vtm | +25.0 % | +25.0 % |",
    ]


def test_the_curve_of_one_codec() -> None:
    assert curve_markdown(_codec("cnc", 1.0)).splitlines()[1:4] == [
        "| --- | ---: | ---: | ---: |",
        "| 0 | 0.2000 | 28.00 | \N{MINUS SIGN}10.00 |",
        "| 10 | 0.5000 | 32.00 | 30.00 |",
    ]
