from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cnncompress.evaluation.curves import Curve, image_curves, mean_curve, read_published
from cnncompress.evaluation.environment import Environment
from cnncompress.evaluation.results import CodecResults, Measurement, ResultsError

_POINT = Measurement("", 0, 100, 100, 1, 0.0, 0.0, 0.9, 0.1, 0.1)


def _codec(*points: tuple[str, float, float, float | None]) -> CodecResults:
    rows = tuple(
        replace(_POINT, image=image, quality=quality, bpp=bpp, psnr=psnr) for image, quality, bpp, psnr in points
    )
    return CodecResults("codec", "", Environment("", "", "", 1, ()), rows)


def test_mean_curve_averages_each_quality_over_the_images() -> None:
    codec = _codec(("a", 1, 0.2, 30.0), ("b", 1, 0.4, 34.0), ("a", 2, 0.5, 35.0), ("b", 2, 1.5, 37.0))
    curve = mean_curve(codec)
    assert curve.bpp == pytest.approx((0.3, 1.0))
    assert curve.psnr == pytest.approx((32.0, 36.0))
    assert curve.ms_ssim == pytest.approx((0.9, 0.9))


def test_image_curves_are_sorted_by_quality() -> None:
    codec = _codec(("a", 2, 0.5, 35.0), ("a", 1, 0.2, 30.0), ("b", 1, 0.4, 34.0))
    curves = image_curves(codec)
    assert curves["a"].bpp == (0.2, 0.5)
    assert curves["b"].psnr == (34.0,)


def test_identical_images_leave_the_point_out() -> None:
    codec = _codec(("a", 1, 0.2, 30.0), ("b", 1, 0.4, 34.0), ("a", 2, 0.5, 35.0), ("b", 2, 1.5, None))
    assert mean_curve(codec).psnr == (32.0,)
    assert image_curves(codec)["b"].psnr == (34.0,)


def test_missing_ms_ssim_is_missing_in_the_mean() -> None:
    codec = _codec(("a", 1, 0.2, 30.0), ("b", 1, 0.4, 34.0))
    codec = replace(codec, rows=(codec.rows[0], replace(codec.rows[1], ms_ssim=None)))
    assert mean_curve(codec).ms_ssim is None


def test_a_quality_that_an_image_lacks_is_refused() -> None:
    with pytest.raises(ResultsError, match="quality 2 has 1 images, expected 2"):
        mean_curve(_codec(("a", 1, 0.2, 30.0), ("b", 1, 0.4, 34.0), ("a", 2, 0.5, 35.0)))


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
    vtm, hm = read_published(path)
    assert vtm == Curve("vtm", (0.1, 1.0), (28.0, 38.0), (0.9, 0.99), published=True)
    assert vtm.label == "vtm (published)"
    assert hm.ms_ssim is None
    assert read_published(path, ["hm"]) == (hm,)
    with pytest.raises(ResultsError, match="it has vtm, hm"):
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
