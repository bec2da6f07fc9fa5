from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from cnncompress.errors import MissingPackage, PlanError
from cnncompress.evaluation import names
from cnncompress.evaluation.metrics import (
    CVVDP,
    METRICS,
    MS_SSIM,
    PSNR,
    SSIMULACRA2,
    SSIMULACRA2_MIN_SIDE,
    ColorVideoVdp,
    Metric,
    Scorer,
    find_metric,
    psnr,
    ssimulacra2,
)
from cnncompress.evaluation.ms_ssim import MS_SSIM_MIN_SIDE, ms_ssim, ms_ssim_db
from cnncompress.units import bits_per_pixel

IDENTICAL = {"psnr": math.inf, "ms-ssim": 1.0, "ssimulacra2": 100.0, "cvvdp": 10.0}

each_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


def _noisy(pixels: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0.0, sigma, pixels.shape)
    return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)


def test_bits_per_pixel_counts_every_byte_of_the_file() -> None:
    assert bits_per_pixel(768 * 512 // 8, 768, 512) == 1.0


def test_psnr_of_a_known_error() -> None:
    original = np.full((4, 5, 3), 100, np.uint8)
    assert psnr(original, original + np.uint8(1)) == pytest.approx(20 * math.log10(255))


def test_psnr_is_over_all_channels_jointly() -> None:
    original = np.zeros((2, 2, 3), np.uint8)
    decoded = original.copy()
    decoded[..., 0] = 3  # mean squared error 9 in one channel, 3 over all
    assert psnr(original, decoded) == pytest.approx(10 * math.log10(255**2 / 3))


def test_psnr_does_not_wrap_around() -> None:
    black, white = np.zeros((3, 3, 3), np.uint8), np.full((3, 3, 3), 255, np.uint8)
    assert psnr(black, white) == psnr(white, black) == 0.0


def test_psnr_agrees_with_scikit_image() -> None:
    photograph = data.astronaut()
    decoded = _noisy(photograph, 7.0)
    assert psnr(photograph, decoded) == pytest.approx(peak_signal_noise_ratio(photograph, decoded))


@each_metric
def test_identical_images_have_the_best_score(metric: Metric) -> None:
    photograph = data.astronaut()[:240, :256]
    assert metric.load()(photograph, photograph) == pytest.approx(IDENTICAL[metric.name])


@each_metric
def test_scores_fall_as_distortion_grows(metric: Metric) -> None:
    photograph = data.astronaut()[:240, :256]
    measure = metric.load()
    scores = [measure(photograph, _noisy(photograph, sigma)) for sigma in (2.0, 5.0, 10.0, 20.0)]
    values = [metric.scale(score) for score in scores if score is not None]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)
    assert values[0] - values[3] > 0.5
    assert IDENTICAL[metric.name] > (scores[0] or 0.0)


@each_metric
def test_the_measured_image_is_the_second(metric: Metric) -> None:
    # A blurred and a sharp image are not the same distance apart both ways, but by PSNR.
    sharp = data.astronaut()[:240, :256]
    blurred = np.asarray(Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(2)))
    measure = metric.load()
    there, back = measure(sharp, blurred), measure(blurred, sharp)
    symmetric = metric in (PSNR, MS_SSIM)
    assert (there == pytest.approx(back)) is symmetric


def test_colour_errors_are_seen_by_the_metrics_for_looks() -> None:
    photograph = data.astronaut()[:240, :256]
    swapped = np.ascontiguousarray(photograph[..., ::-1])
    scores = Scorer(METRICS)(photograph, swapped)
    assert (scores["ssimulacra2"] or 100.0) < 0.0
    assert (scores["cvvdp"] or 10.0) < 6.0


@pytest.mark.parametrize("sigma", [2.0, 20.0])
def test_ms_ssim_agrees_with_torchmetrics(sigma: float) -> None:
    import torch
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    photograph = data.astronaut()[:181, :230]
    noisy = _noisy(photograph, sigma)
    planes = [torch.from_numpy(pixels.transpose(2, 0, 1).astype(float))[None] for pixels in (noisy, photograph)]
    expected = float(multiscale_structural_similarity_index_measure(planes[0], planes[1], data_range=255.0))
    assert ms_ssim(photograph, noisy) == pytest.approx(expected, abs=1e-7)


def test_ms_ssim_of_identical_images_is_infinite_in_decibels() -> None:
    assert ms_ssim_db(1.0) == math.inf


def test_ms_ssim_is_not_defined_for_small_images() -> None:
    photograph = data.astronaut()
    small = photograph[: MS_SSIM_MIN_SIDE - 1, :300]
    assert ms_ssim(small, small) is None
    enough = photograph[:MS_SSIM_MIN_SIDE, :300]
    assert ms_ssim(enough, enough) is not None


def test_ssimulacra2_is_not_defined_for_small_images() -> None:
    photograph = data.astronaut()
    small = photograph[: SSIMULACRA2_MIN_SIDE - 1, :300]
    assert ssimulacra2(small, small) is None
    enough = photograph[:SSIMULACRA2_MIN_SIDE, :300]
    assert ssimulacra2(enough, enough) == 100.0


def test_color_video_vdp_takes_images_of_two_pixels() -> None:
    measure = ColorVideoVdp()
    line, square = np.zeros((1, 9, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)
    assert measure(line, line) is None
    assert measure(square, square) == 10.0


def test_a_scorer_rounds_and_gives_nothing_where_there_is_no_finite_score() -> None:
    photograph = data.astronaut()[:64, :64]
    scorer = Scorer([PSNR, SSIMULACRA2, CVVDP])
    assert scorer(photograph, photograph) == {"psnr": None, "ssimulacra2": None, "cvvdp": 10.0}
    noisy = _noisy(photograph, 5.0)
    assert scorer(photograph, noisy)["psnr"] == round(psnr(photograph, noisy), 4)
    assert Scorer([])(photograph, noisy) == {}


def test_every_metric_is_found_and_others_are_listed() -> None:
    assert [find_metric(metric.name) for metric in METRICS] == list(METRICS)
    assert tuple(metric.name for metric in METRICS) == names.METRICS
    with pytest.raises(PlanError, match=r"no metric 'ms_ssim'; the metrics are psnr, ms-ssim, ssimulacra2, cvvdp"):
        find_metric("ms_ssim")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnncompress.evaluation.metrics.find_spec", lambda name: None)
    for metric in (PSNR, MS_SSIM):
        metric.check_packages()
    with pytest.raises(MissingPackage, match=r"SSIMULACRA2 needs ssimulacra2: pip install 'cnncompress\[eval\]'"):
        Scorer([PSNR, SSIMULACRA2])


def test_headings_carry_the_unit() -> None:
    assert [metric.heading for metric in METRICS] == ["PSNR dB", "MS-SSIM dB", "SSIMULACRA2", "ColorVideoVDP JOD"]


def test_ms_ssim_in_decibels() -> None:
    assert ms_ssim_db(0.99) == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("original", "decoded"),
    [
        (np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8)),
        (np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8)),
        (np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 3), np.float32)),
    ],
)
@each_metric
def test_other_arrays_are_refused(metric: Metric, original: np.ndarray, decoded: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        metric.load()(original, decoded)
