"""Metrics of decoded images: bits per pixel, and four measures of quality.

All of them take what a user gets: the bytes of the whole file and 8-bit RGB pixels. PSNR is over the three channels
jointly (one mean squared error per image), as the published Kodak tables have it. The other three judge looks. No
model here is trained for SSIMULACRA2 or ColorVideoVDP.
"""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image

from cnncompress.errors import MissingPackage, PlanError
from cnncompress.evaluation.ms_ssim import ms_ssim, ms_ssim_db
from cnncompress.evaluation.pixels import PEAK, Pixels, check_pair

Measure = Callable[[Pixels, Pixels], "float | None"]
"""Original and decoded image, uint8 [H, W, 3] -> score; None where the image is too small for the metric."""

INSTALL = "pip install 'cnncompress[eval]'"
"""Installs what the metrics need."""

SSIMULACRA2_MIN_SIDE = 225
"""The shorter side must still have 8 pixels at the coarsest of six scales, each half of the one before, rounded up."""

CVVDP_DISPLAY = "standard_fhd"
"""A 24-inch monitor of 1920x1080 pixels at 200 cd/m2, seen from twice its height: 38 pixels per degree.

With the 4K monitor that ColorVideoVDP takes by default, 768x512 pixels are so small that most of what codecs do at
medium rates goes unseen.
"""


@dataclass(frozen=True)
class Metric:
    """How close a decoded image is to the original, as one number. Higher is better for every metric.

    Attributes:
        name: In options and files of results, e.g. ``ms-ssim``.
        title: In tables and plots, e.g. ``MS-SSIM``.
        unit: Of the values on `scale`; empty where there is none.
        decimals: Digits after the point that are kept of a score.
        load: Makes the function that computes a score.
        packages: What has to be installed, by the names of modules.
        scale: Maps scores, or means of scores, to the scale of tables and plots, on which BD-rates are integrated.
    """

    name: str
    title: str
    unit: str
    decimals: int
    load: Callable[[], Measure] = field(repr=False, compare=False)
    packages: tuple[str, ...] = ()
    scale: Callable[[float], float] = field(default=lambda score: score, repr=False, compare=False)

    def check_packages(self) -> None:
        """Checks that what the metric needs is installed, without loading it.

        Raises:
            MissingPackage: It is not.
        """
        missing = [name for name in self.packages if find_spec(name) is None]
        if missing:
            raise MissingPackage(f"{self.title} needs {' and '.join(missing)}: {INSTALL}")

    @property
    def heading(self) -> str:
        """Title and unit, for the head of a column."""
        return f"{self.title} {self.unit}".rstrip()


class Scorer:
    """Computes several metrics of decoded images; keeps what they load, so one scorer serves a whole run."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        """Loads the metrics.

        Raises:
            MissingPackage: One of them needs a package that is not installed.
        """
        for metric in metrics:
            metric.check_packages()
        self._measures = [(metric, metric.load()) for metric in metrics]

    def __call__(self, original: Pixels, decoded: Pixels) -> dict[str, float | None]:
        """Returns rounded scores by the metrics' names; None if a metric is infinite or the image too small for it.

        Args:
            original: uint8 [H, W, 3].
            decoded: uint8 [H, W, 3].

        Raises:
            ValueError: Not two uint8 images of the same shape.
        """
        scores = {}
        for metric, measure in self._measures:
            score = measure(original, decoded)
            finite = score is not None and math.isfinite(score)
            scores[metric.name] = round(score, metric.decimals) if score is not None and finite else None
        return scores


def psnr(original: Pixels, decoded: Pixels) -> float:
    """Returns the peak signal-to-noise ratio in dB.

    Args:
        original: uint8 [H, W, 3].
        decoded: uint8 [H, W, 3].

    Returns:
        10 log10(255^2 / MSE); infinity for identical images.

    Raises:
        ValueError: Not two uint8 images of the same shape.
    """
    check_pair(original, decoded)
    error = original.astype(np.int32) - decoded.astype(np.int32)
    mse = float(np.mean(np.square(error), dtype=np.float64))
    return math.inf if mse == 0.0 else 10.0 * math.log10(PEAK * PEAK / mse)


def ssimulacra2(original: Pixels, decoded: Pixels) -> float | None:
    """Returns SSIMULACRA2: 100 is identical, 90 hard to tell apart, 50 medium quality, below 0 very poor.

    Sneyers, "SSIMULACRA 2", https://github.com/cloudinary/ssimulacra2; computed by its Python port, ``ssimulacra2``
    of PyPI.

    Args:
        original: uint8 [H, W, 3].
        decoded: uint8 [H, W, 3].

    Returns:
        The score, or None where the shorter side is below `SSIMULACRA2_MIN_SIDE`.

    Raises:
        ValueError: Not two uint8 images of the same shape.
    """
    check_pair(original, decoded)
    if min(original.shape[:2]) < SSIMULACRA2_MIN_SIDE:
        return None
    from ssimulacra2 import compute_ssimulacra2

    return float(compute_ssimulacra2(_as_file(original), _as_file(decoded)))


class ColorVideoVdp:
    """ColorVideoVDP for still images, in just-objectionable differences (JOD): 10 = identical.

    Of two images that are 1 JOD apart, 75 % of viewers would choose the one with the higher score.

    Mantiuk et al., "ColorVideoVDP: A visual difference predictor for image, video and display distortions", 2024:
    https://doi.org/10.1145/3658144; computed by ``cvvdp`` of PyPI on the CPU, so that scores do not depend on the GPU.
    """

    def __init__(self) -> None:
        self._predictor: Any = None

    def __call__(self, original: Pixels, decoded: Pixels) -> float | None:
        """Returns the score of a decoded image; None if a side is a single pixel.

        Args:
            original: uint8 [H, W, 3], sRGB.
            decoded: uint8 [H, W, 3], sRGB.

        Raises:
            ValueError: Not two uint8 images of the same shape.
        """
        check_pair(original, decoded)
        if min(original.shape[:2]) < 2:
            return None
        if self._predictor is None:
            self._predictor = self._load()
        score, _ = self._predictor.predict(decoded, original, dim_order="HWC")
        return float(score)

    def _load(self) -> Any:
        import torch

        with _no_warning_of("torch.utils.cpp_extension"):  # about CUDA, on machines that have it without a GPU
            from pycvvdp import cvvdp
        return cvvdp(display_name=CVVDP_DISPLAY, device=torch.device("cpu"))


PSNR = Metric("psnr", "PSNR", "dB", 4, lambda: psnr)
MS_SSIM = Metric("ms-ssim", "MS-SSIM", "dB", 6, lambda: ms_ssim, scale=ms_ssim_db)
SSIMULACRA2 = Metric("ssimulacra2", "SSIMULACRA2", "", 3, lambda: ssimulacra2, ("ssimulacra2",))
CVVDP = Metric("cvvdp", "ColorVideoVDP", "JOD", 5, ColorVideoVdp, ("torch", "pycvvdp"))

METRICS = (PSNR, MS_SSIM, SSIMULACRA2, CVVDP)
"""All of them, in the order of the tables."""


def find_metric(name: str) -> Metric:
    """Returns the metric with a name.

    Raises:
        PlanError: There is none.
    """
    for metric in METRICS:
        if metric.name == name:
            return metric
    raise PlanError(f"no metric {name!r}; the metrics are {', '.join(metric.name for metric in METRICS)}")


def _as_file(pixels: Pixels) -> io.BytesIO:
    """Returns the pixels as a PPM file in memory, for a library that takes files only."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PPM")
    file.seek(0)
    return file


@contextmanager
def _no_warning_of(name: str) -> Iterator[None]:
    """Mutes a logger below the level of errors."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
