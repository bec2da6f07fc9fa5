from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from cnncompress.evaluation.bdrate import (
    CurveError,
    NoOverlapError,
    PerImageBdRate,
    bd_rate,
    bd_rate_per_image,
    common_range,
)
from cnncompress.evaluation.curves import Curve, read_published
from cnncompress.evaluation.metrics import MS_SSIM, PSNR

ANCHOR = Curve("anchor", PSNR, (0.1, 0.3, 0.6, 1.1, 2.0), (26.0, 29.5, 32.5, 35.0, 38.0))

# Published with the curves: BD-rate in % against VTM, JPEG and BPG 4:4:4, to one decimal.
PUBLISHED = {
    "hpcm-large": (-19.9, -72.5, -36.8),
    "mlic++": (-15.0, -70.8, -33.0),
    "dcvc-rt-intra-fp16": (-13.9, -74.4, -33.0),
    "paper-elic2022_mse": (-7.0, -67.9, -26.6),
    "evc-s": (7.0, -60.2, -13.8),
    "mbt2018_mse": (11.0, -61.0, -11.2),
    "av1": (16.2, -62.4, -6.2),
    "hm": (23.3, -60.1, 0.8),
    "bmshj2018-factorized_mse": (68.1, -44.5, 32.5),
    "webp": (78.8, -36.2, 44.2),
    "jpeg2000": (98.0, -35.9, 55.8),
    "jpeg": (208.5, 0.0, 143.0),
}


def _scaled(curve: Curve, factor: float) -> Curve:
    return Curve("scaled", PSNR, tuple(factor * rate for rate in curve.bpp), curve.values)


def _published_path() -> Path:
    default = Path(__file__).parents[3] / "shared" / "anchors"
    path = Path(os.environ.get("CNNCOMPRESS_ANCHORS", default)) / "kodak_rd.json"
    if not path.exists():
        pytest.skip("no published curves: set CNNCOMPRESS_ANCHORS to the folder of kodak_rd.json")
    return path


def test_identical_curves_differ_by_nothing() -> None:
    assert bd_rate(ANCHOR, ANCHOR) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("factor", "percent"), [(1.1, 10.0), (0.75, -25.0), (3.0, 200.0)])
def test_a_constant_ratio_of_rates_is_the_bd_rate(factor: float, percent: float) -> None:
    assert bd_rate(_scaled(ANCHOR, factor), ANCHOR) == pytest.approx(percent)


def test_log_linear_curves_have_a_closed_form() -> None:
    # log2 rate = psnr / 6 against psnr / 3 - 5 on 30..36 dB: the mean difference is 33 / 6 - 5 = 0.5 octaves.
    anchor = Curve("anchor", PSNR, (2.0**5, 2.0**6), (30.0, 36.0))
    test = Curve("test", PSNR, (2.0**5, 2.0**6, 2.0**7), (30.0, 33.0, 36.0))
    assert bd_rate(test, anchor) == pytest.approx(100 * (math.sqrt(2) - 1))


def test_only_the_common_range_counts() -> None:
    longer = Curve("longer", PSNR, (0.02, *ANCHOR.bpp), (20.0, *ANCHOR.values))
    assert common_range(longer, ANCHOR) == (26.0, 38.0)
    assert common_range(Curve("high", PSNR, (1.0, 2.0), (36.0, 45.0)), ANCHOR) == (36.0, 38.0)


def test_exchanging_the_curves_inverts_the_ratio() -> None:
    other = Curve("other", PSNR, (0.15, 0.5, 1.5), (27.0, 32.0, 37.0))
    there, back = bd_rate(other, ANCHOR), bd_rate(ANCHOR, other)
    assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("bpp", "psnr", "message"),
    [
        ((1.0,), (30.0,), "2 or more"),
        ((1.0, 2.0), (30.0,), "2 or more"),
        ((1.0, 2.0), (30.0, 30.0), "expected it to rise"),
        ((1.0, 2.0, 3.0), (30.0, 32.0, 31.0), "expected it to rise"),
        ((1.0, 2.0), (30.0, math.nan), "expected it to rise"),
        ((1.0, 2.0), (30.0, math.inf), "infinite"),
        ((0.0, 2.0), (30.0, 31.0), "positive"),
        ((math.nan, 2.0), (30.0, 31.0), "positive"),
    ],
)
def test_curves_without_a_bd_rate_are_refused(bpp: tuple[float, ...], psnr: tuple[float, ...], message: str) -> None:
    bad = Curve("bad", PSNR, bpp, psnr)
    with pytest.raises(CurveError, match=f"bad.*{message}"):
        bd_rate(bad, ANCHOR)
    with pytest.raises(CurveError, match=f"bad.*{message}"):
        bd_rate(ANCHOR, bad)


@pytest.mark.parametrize("psnr", [(39.0, 45.0), (10.0, 26.0)])
def test_no_common_range_is_an_error_of_its_own(psnr: tuple[float, float]) -> None:
    with pytest.raises(NoOverlapError, match="no PSNR in common"):
        bd_rate(Curve("apart", PSNR, (1.0, 2.0), psnr), ANCHOR)


def test_curves_of_different_metrics_are_not_compared() -> None:
    with pytest.raises(CurveError, match=r"anchor is measured by PSNR, other by MS-SSIM"):
        bd_rate(ANCHOR, Curve("other", MS_SSIM, ANCHOR.bpp, ANCHOR.values))


def test_per_image_mean_counts_what_it_could_compare() -> None:
    apart = Curve("apart", PSNR, (1.0, 2.0), (50.0, 55.0))
    test = {"a": _scaled(ANCHOR, 1.1), "b": _scaled(ANCHOR, 1.3), "c": apart}
    anchor = dict.fromkeys(test, ANCHOR)
    result = bd_rate_per_image(test, anchor)
    assert result.percent == pytest.approx(20.0)
    assert (result.compared, result.images) == (2, 3)
    assert bd_rate_per_image({"c": apart}, anchor) == PerImageBdRate(None, 0, 1)


def test_published_curves_give_the_published_bd_rates() -> None:
    curves = {curve.name: curve for curve in read_published(_published_path()) if curve.metric == PSNR}
    for name, expected in PUBLISHED.items():
        for anchor, percent in zip(("vtm", "jpeg", "bpg_444_x265_ycbcr"), expected, strict=True):
            # Half a unit of the last printed digit, and the rounding of the curves themselves.
            assert bd_rate(curves[name], curves[anchor]) == pytest.approx(percent, abs=0.06), (name, anchor)
