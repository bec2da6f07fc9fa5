from __future__ import annotations

from dataclasses import replace

import pytest

from cnncompress.errors import PlanError
from cnncompress.evaluation.curves import Curve
from cnncompress.evaluation.environment import Environment
from cnncompress.evaluation.metrics import MS_SSIM, PSNR, SSIMULACRA2
from cnncompress.evaluation.plain_text import (
    bd_rate_table,
    compared_codec,
    curve_table,
    default_quality_sentence,
    format_results,
    time_table,
)
from cnncompress.evaluation.results import CodecResults, Measurement, Results

_RATES = (0.2, 0.5, 1.0, 2.0)
_PSNRS = (28.0, 32.0, 36.0, 40.0)


def _codec(name: str, factor: float, images: int = 2, shift: float = 0.0) -> CodecResults:
    """By PSNR the rate is `factor` times that of the curve above, by any metric."""
    rows = tuple(
        Measurement(
            f"set/{image}.png",
            step,
            1000,
            500,
            1,
            factor * rate,
            0.5,
            0.25,
            {"psnr": psnr + shift, "ms-ssim": 0.99, "ssimulacra2": 10.0 * psnr},
        )
        for image in range(images)
        for step, (rate, psnr) in enumerate(zip(_RATES, _PSNRS, strict=True))
    )
    return CodecResults(name, f"settings of {name}", Environment("3", "system", "processor", 1, ()), rows)


def _cells(table: str, first: str) -> list[str]:
    (line,) = (line for line in table.splitlines() if line.startswith(first))
    return line.removeprefix(first).split()


def _table(codecs: tuple[CodecResults, ...], published: tuple[Curve, ...] = ()) -> str:
    return bd_rate_table(Results(codecs), PSNR, codecs[0], published)


def test_curve_table_has_the_means_of_every_metric() -> None:
    table = curve_table(_codec("jpeg", 1.0))
    assert "jpeg: mean of 2 images; settings of jpeg" in table
    assert _cells(table, "quality") == ["bpp", "PSNR", "dB", "MS-SSIM", "dB", "SSIMULACRA2"]
    assert _cells(table, "1 ") == ["0.5000", "32.000", "20.000", "320.000"]


def test_curve_table_shows_where_there_is_no_mean() -> None:
    codec = _codec("jpeg", 1.0)
    first = replace(codec.rows[0], scores={"psnr": None, "ms-ssim": None, "ssimulacra2": 280.0})
    codec = replace(codec, rows=(first, *codec.rows[1:]))
    assert _cells(curve_table(codec), "0 ") == ["0.2000", "-", "-", "280.000"]


def test_bd_rate_table_has_every_peer_with_its_settings() -> None:
    vtm = Curve("vtm", PSNR, tuple(rate / 4 for rate in _RATES), _PSNRS, published=True)
    by_looks = Curve("vtm", MS_SSIM, _RATES, _PSNRS, published=True)
    table = _table((_codec("cnc", 0.5), _codec("jpeg", 1.0), _codec("webp", 0.4)), (vtm, by_looks))
    assert table.splitlines()[0] == "BD-rate of cnc in % by PSNR (negative: smaller files than the peer's)"
    assert _cells(table, "jpeg: settings of jpeg") == ["-50.0", "-50.0"]
    assert _cells(table, "webp: settings of webp") == ["+25.0", "+25.0"]
    assert _cells(table, "vtm (published)") == ["+100.0", "-"]
    assert "cnc:" not in table


def test_bd_rate_by_another_metric() -> None:
    results = Results((_codec("cnc", 0.5, shift=1.0), _codec("jpeg", 1.0)))
    table = bd_rate_table(results, SSIMULACRA2, results.codecs[0])
    assert "by SSIMULACRA2" in table
    assert _cells(table, "jpeg: settings of jpeg") == ["-50.0", "-50.0"]
    assert _cells(bd_rate_table(results, MS_SSIM, results.codecs[0]), "jpeg: settings of jpeg")[:2] == ["no", "curve"]


def test_curves_that_cannot_be_compared_are_said_in_words() -> None:
    falling = Curve("falling", PSNR, (1.0, 2.0), (30.0, 29.0), published=True)
    far = Curve("far", PSNR, (1.0, 2.0), (50.0, 60.0), published=True)
    narrow = Curve("narrow", PSNR, (0.1, 0.2), (20.0, 29.0), published=True)
    table = _table((_codec("jpeg", 1.0),), (falling, far, narrow))
    assert " ".join(_cells(table, "falling (published)")) == "no curve -"
    assert " ".join(_cells(table, "far (published)")) == "no overlap -"
    assert _cells(table, "narrow (published)")[0].startswith("~")
    assert "nan" not in table.lower()


def test_images_left_out_of_the_mean_are_counted() -> None:
    jpeg, cnc = _codec("jpeg", 1.0), _codec("cnc", 0.5)
    shifted = tuple(
        replace(row, scores={"psnr": (row.scores["psnr"] or 0.0) + 20.0}) if row.image == "set/1.png" else row
        for row in cnc.rows
    )
    assert "-50.0 (1 of 2)" in _table((replace(cnc, rows=shifted), jpeg))
    assert _table((_codec("cnc", 0.5, shift=30.0), jpeg)).count("no overlap") == 2


def test_time_table_is_per_image_and_per_megapixel() -> None:
    table = time_table(Results((_codec("jpeg", 1.0),)))
    assert _cells(table, "jpeg") == ["0.5000", "0.2500", "1.0000", "0.5000", "1", "processor"]


def test_the_whole_report_has_a_table_for_each_metric() -> None:
    report = format_results(Results((_codec("jpeg", 1.0), _codec("cnc", 0.5))))
    order = [
        "jpeg: mean",
        "cnc: mean",
        "BD-rate of cnc in % by PSNR",
        "BD-rate of cnc in % by MS-SSIM",
        "BD-rate of cnc in % by SSIMULACRA2",
        "Time",
    ]
    assert [report.index(title) for title in order] == sorted(report.index(title) for title in order)
    assert "ColorVideoVDP" not in report
    alone = format_results(Results((_codec("jpeg", 1.0),)))
    assert "BD-rate" not in alone


def test_cnncompress_is_compared_unless_another_codec_is_asked_for() -> None:
    results = Results((_codec("jpeg", 1.0), _codec("cnc", 0.5), _codec("own", 0.4)))
    assert compared_codec(results).codec == "cnc"
    assert compared_codec(results, "own").codec == "own"
    assert compared_codec(Results(results.codecs[::2])).codec == "jpeg"
    assert "BD-rate of own in % by PSNR" in format_results(results, of="own")
    with pytest.raises(PlanError, match="no codec 'other'"):
        format_results(results, of="other")


def test_the_default_quality_in_a_sentence() -> None:
    codec = _codec("cnc", 1.0)
    assert default_quality_sentence(codec) is None
    rows = tuple(replace(row, quality=60.0 if row.quality == 2 else row.quality) for row in codec.rows)
    sentence = "Quality 60, the default, means 1.00 bpp and 36.0 dB on these 2 images."
    assert default_quality_sentence(replace(codec, rows=rows)) == sentence
    assert default_quality_sentence(replace(codec, codec="jpeg", rows=rows)) is None
    assert sentence in format_results(Results((replace(codec, rows=rows),)))
