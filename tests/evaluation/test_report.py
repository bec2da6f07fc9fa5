from __future__ import annotations

from dataclasses import replace

from cnncompress.evaluation.curves import Curve
from cnncompress.evaluation.environment import Environment
from cnncompress.evaluation.report import (
    bd_rate_table,
    curve_table,
    default_quality_sentence,
    format_report,
    time_table,
)
from cnncompress.evaluation.results import CodecResults, Measurement, Results

_RATES = (0.2, 0.5, 1.0, 2.0)
_PSNRS = (28.0, 32.0, 36.0, 40.0)


def _codec(name: str, factor: float, images: int = 2, shift: float = 0.0) -> CodecResults:
    rows = tuple(
        Measurement(f"set/{image}.png", step, 1000, 500, 1, factor * rate, psnr + shift, 0.99, 0.5, 0.25)
        for image in range(images)
        for step, (rate, psnr) in enumerate(zip(_RATES, _PSNRS, strict=True))
    )
    return CodecResults(name, "settings", Environment("3", "system", "processor", 1, ()), rows)


def _cells(table: str, first: str) -> list[str]:
    (line,) = (line for line in table.splitlines() if line.startswith(first))
    return line.removeprefix(first).split()


def test_curve_table_has_the_means() -> None:
    table = curve_table(_codec("jpeg", 1.0))
    assert "jpeg: mean of 2 images (settings)" in table
    assert _cells(table, "1 ") == ["0.5000", "32.000", "0.99000", "20.00"]


def test_curve_table_says_where_a_mean_is_not_finite() -> None:
    codec = _codec("jpeg", 1.0)
    codec = replace(codec, rows=(replace(codec.rows[0], psnr=None, ms_ssim=None), *codec.rows[1:]))
    table = curve_table(codec)
    assert "an image came back identical" in table
    assert "nan" not in table.lower()


def test_bd_rate_table_has_every_codec_against_every_anchor() -> None:
    results = Results((_codec("cnc", 0.5), _codec("jpeg", 1.0)))
    vtm = Curve("vtm", tuple(rate / 4 for rate in _RATES), _PSNRS, published=True)
    table = bd_rate_table(results, [vtm])
    assert _cells(table, "cnc") == ["-", "-", "+100.0", "+100.0"]
    assert _cells(table, "jpeg") == ["-50.0", "-50.0", "-", "-"]
    assert _cells(table, "vtm (published)") == ["+100.0", "-", "+300.0", "-"]


def test_curves_that_cannot_be_compared_are_said_in_words() -> None:
    falling = Curve("falling", (1.0, 2.0), (30.0, 29.0), published=True)
    far = Curve("far", (1.0, 2.0), (50.0, 60.0), published=True)
    narrow = Curve("narrow", (0.1, 0.2), (20.0, 29.0), published=True)
    table = bd_rate_table(Results((_codec("jpeg", 1.0),)), [falling, far, narrow])
    assert " ".join(_cells(table, "falling (published)")) == "no curve -"
    assert " ".join(_cells(table, "far (published)")) == "no overlap -"
    assert _cells(table, "narrow (published)")[0].startswith("~")
    assert "nan" not in table.lower()


def test_images_left_out_of_the_mean_are_counted() -> None:
    jpeg, cnc = _codec("jpeg", 1.0), _codec("cnc", 0.5)
    shifted = tuple(
        replace(row, psnr=(row.psnr or 0.0) + 20.0) if row.image == "set/1.png" else row for row in cnc.rows
    )
    table = bd_rate_table(Results((replace(cnc, rows=shifted), jpeg)))
    assert "-50.0 (1 of 2)" in table
    apart = bd_rate_table(Results((_codec("cnc", 0.5, shift=30.0), jpeg)))
    assert apart.count("no overlap") == 4


def test_time_table_is_per_image_and_per_megapixel() -> None:
    table = time_table(Results((_codec("jpeg", 1.0),)))
    assert _cells(table, "jpeg") == ["0.5000", "0.2500", "1.0000", "0.5000", "1", "processor"]


def test_the_whole_report() -> None:
    report = format_report(Results((_codec("cnc", 0.5), _codec("jpeg", 1.0))))
    assert report.index("cnc: mean") < report.index("jpeg: mean") < report.index("BD-rate") < report.index("Time")
    alone = format_report(Results((_codec("jpeg", 1.0),)))
    assert "BD-rate" not in alone


def test_the_default_quality_in_a_sentence() -> None:
    codec = _codec("cnc", 1.0)
    assert default_quality_sentence(codec) is None
    rows = tuple(replace(row, quality=60.0 if row.quality == 2 else row.quality) for row in codec.rows)
    sentence = "Quality 60, the default, means 1.00 bpp and 36.0 dB on these 2 images."
    assert default_quality_sentence(replace(codec, rows=rows)) == sentence
    assert default_quality_sentence(replace(codec, codec="jpeg", rows=rows)) is None
    assert sentence in format_report(Results((replace(codec, rows=rows),)))
