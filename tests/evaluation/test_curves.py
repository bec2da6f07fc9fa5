from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cnncompress.errors import PlanError, ResultsError
from cnncompress.evaluation.curves import Curve, image_curves, mean_curve, read_published
from cnncompress.evaluation.environment import Environment
from cnncompress.evaluation.metrics import MS_SSIM, PSNR, SSIMULACRA2
from cnncompress.evaluation.ms_ssim import ms_ssim_db
from cnncompress.evaluation.results import CodecResults, Measurement

_POINT = Measurement("", 0, 100, 100, 1, 0.0, 0.1, 0.1, {})


def _codec(*points: tuple[str, float, float, float | None]) -> CodecResults:
    rows = tuple(
        replace(_POINT, image=image, quality=quality, bpp=bpp, scores={"psnr": psnr, "ms-ssim": 0.9})
        for image, quality, bpp, psnr in points
    )
    return CodecResults("codec", "", Environment("", "", "", 1, ()), rows)


def test_mean_curve_averages_each_quality_over_the_images() -> None:
    codec = _codec(("a", 1, 0.2, 30.0), ("b", 1, 0.4, 34.0), ("a", 2, 0.5, 35.0), ("b", 2, 1.5, 37.0))
    curve = mean_curve(codec, PSNR)
    assert (curve.name, curve.metric) == ("codec", PSNR)
    assert curve.bpp == pytest.approx((0.3, 1.0))
    assert curve.values == pytest.approx((32.0, 36.0))


def test_the_mean_of_ms_ssim_is_taken_before_decibels() -> None:
    codec = _codec(("a", 1, 0.2, 30.0), ("b", 1, 0.4, 34.0))
    codec = replace(codec, rows=(codec.rows[0], replace(codec.rows[1], scores={"ms-ssim": 0.99})))
    assert mean_curve(codec, MS_SSIM).values == pytest.approx((ms_ssim_db(0.945),))
    assert image_curves(codec, MS_SSIM)["b"].values == pytest.approx((20.0,))


def test_image_curves_are_sorted_by_quality() -> None:
    codec = _codec(("a", 2, 0.5, 35.0), ("a", 1, 0.2, 30.0), ("b", 1, 0.4, 34.0))
    curves = image_curves(codec, PSNR)
    assert curves["a"].bpp == (0.2, 0.5)
    assert curves["b"].values == (34.0,)


def test_identical_images_leave_the_point_out() -> None:
    codec = _codec(("a", 1, 0.2, 30.0), ("b", 1, 0.4, 34.0), ("a", 2, 0.5, 35.0), ("b", 2, 1.5, None))
    assert mean_curve(codec, PSNR).values == (32.0,)
    assert image_curves(codec, PSNR)["b"].values == (34.0,)
    assert len(mean_curve(codec, MS_SSIM).bpp) == 2
    perfect = replace(codec.rows[0], scores={"ms-ssim": 1.0})  # 1 is infinitely many decibels
    assert mean_curve(replace(codec, rows=(perfect,)), MS_SSIM).values == ()


def test_a_metric_that_an_image_lacks_leaves_the_point_out() -> None:
    codec = _codec(("a", 1, 0.2, 30.0), ("b", 1, 0.4, 34.0))
    codec = replace(codec, rows=(codec.rows[0], replace(codec.rows[1], scores={"psnr": 34.0, "ms-ssim": None})))
    assert mean_curve(codec, MS_SSIM).bpp == ()
    assert mean_curve(codec, SSIMULACRA2).bpp == ()
    assert mean_curve(codec, PSNR).values == (32.0,)


def test_a_quality_that_an_image_lacks_is_refused() -> None:
    with pytest.raises(ResultsError, match="quality 2 has 1 images, expected 2"):
        mean_curve(_codec(("a", 1, 0.2, 30.0), ("b", 1, 0.4, 34.0), ("a", 2, 0.5, 35.0)), PSNR)


def test_published_curves_are_read_and_chosen(tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    path.write_text(
        json.dumps(
            {
                "vtm": {"source": "x", "bpp": [0.1, 1], "psnr_rgb": [28.0, 38.0], "ms_ssim_rgb": [0.9, 0.99]},
                "hm": {"source": "x", "bpp": [0.1, 1.0], "psnr_rgb": [27.0, 37.0]},
            }
        )
    )
    vtm, vtm_similarity, hm = read_published(path)
    assert vtm == Curve("vtm", PSNR, (0.1, 1.0), (28.0, 38.0), published=True)
    assert vtm.label == "vtm (published)"
    assert vtm_similarity.metric == MS_SSIM
    assert vtm_similarity.values == pytest.approx((10.0, 20.0))
    assert hm == Curve("hm", PSNR, (0.1, 1.0), (27.0, 37.0), published=True)
    assert read_published(path, ["hm"]) == (hm,)
    with pytest.raises(PlanError, match="it has vtm, hm"):
        read_published(path, ["av2"])


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"vtm": []},
        {"vtm": {"bpp": [1.0]}},
        {"vtm": {"bpp": [1.0], "psnr_rgb": [1.0, 2.0]}},
        {"vtm": {"bpp": ["1"], "psnr_rgb": [1.0]}},
        {"vtm": {"bpp": [float("nan")], "psnr_rgb": [1.0]}},
        {"vtm": {"bpp": [1.0], "psnr_rgb": [1.0], "ms_ssim_rgb": []}},
    ],
)
def test_other_documents_are_refused(tmp_path: Path, document: object) -> None:
    path = tmp_path / "published.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ResultsError, match=r"published\.json"):
        read_published(path)
