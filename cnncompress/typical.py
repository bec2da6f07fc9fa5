"""What the installed model makes of a photograph, roughly: a first guess where nothing is measured yet.

Means over the Kodak images at the qualities 0, 10, .. 100, from docs/results/kodak.json. Images differ from them
several times over.
"""

from __future__ import annotations

import numpy as np

_QUALITIES = np.arange(0.0, 101.0, 10.0)
_RATES = np.array([0.071, 0.109, 0.168, 0.257, 0.386, 0.557, 0.78, 1.058, 1.385, 1.761, 2.182])
_PSNR = np.array([25.4, 26.5, 27.7, 29.0, 30.5, 32.0, 33.7, 35.4, 37.1, 38.8, 40.3])

RATE_SLOPE = float(np.log(_RATES[-1] / _RATES[0])) / 10_000
"""Growth of the rate's logarithm with one hundredth of quality, on average."""

PSNR_SLOPE = float(_PSNR[-1] - _PSNR[0]) / 10_000
"""Growth of the peak signal-to-noise ratio with one hundredth of quality, on average, in dB."""


def rate_of(quality: float) -> float:
    """Returns bits per pixel at a quality, 0..100."""
    return float(np.exp(np.interp(quality, _QUALITIES, np.log(_RATES))))


def quality_of_rate(bits_per_pixel: float) -> float:
    """Returns the quality, 0..100, that comes nearest to a rate above 0."""
    return float(np.interp(np.log(bits_per_pixel), np.log(_RATES), _QUALITIES))


def quality_of_psnr(decibels: float) -> float:
    """Returns the quality, 0..100, that comes nearest to a peak signal-to-noise ratio in dB."""
    return float(np.interp(decibels, _PSNR, _QUALITIES))
