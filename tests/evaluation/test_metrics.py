from __future__ import annotations

import math

import numpy as np
import pytest
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from cnncompress.evaluation.metrics import MS_SSIM_MIN_SIDE, bits_per_pixel, ms_ssim, ms_ssim_db, psnr


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


def test_identical_images_have_infinite_psnr_and_full_similarity() -> None:
    photograph = data.astronaut()[:200, :200]
    assert psnr(photograph, photograph) == math.inf
    assert ms_ssim(photograph, photograph) == pytest.approx(1.0)
    assert ms_ssim_db(1.0) == math.inf


def test_ms_ssim_falls_with_noise() -> None:
    photograph = data.astronaut()[:256, :256]
    weak, strong = (ms_ssim(photograph, _noisy(photograph, sigma)) for sigma in (5.0, 20.0))
    assert weak is not None and strong is not None
    assert 0.5 < strong < weak < 1.0


def test_ms_ssim_is_not_defined_for_small_images() -> None:
    photograph = data.astronaut()
    small = photograph[: MS_SSIM_MIN_SIDE - 1, :300]
    assert ms_ssim(small, small) is None
    enough = photograph[:MS_SSIM_MIN_SIDE, :300]
    assert ms_ssim(enough, enough) is not None


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
@pytest.mark.parametrize("metric", [psnr, ms_ssim])
def test_other_arrays_are_refused(metric, original: np.ndarray, decoded: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="expected"):
        metric(original, decoded)
