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
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from cnncompress.errors import CnncompressError

Pixels = npt.NDArray[np.uint8]
Measure = Callable[[Pixels, Pixels], "float | None"]
"""Original and decoded image, uint8 [H, W, 3] -> score; None where the image is too small for the metric."""

PEAK = 255.0

MS_SSIM_MIN_SIDE = 176
"""The shorter side must hold the 11x11 window at the coarsest of five scales: 11 * 2**4 pixels."""

SSIMULACRA2_MIN_SIDE = 225
"""The shorter side must still have 8 pixels at the coarsest of six scales, each half of the one before, rounded up."""

CVVDP_DISPLAY = "standard_fhd"
"""A 24-inch monitor of 1920x1080 pixels at 200 cd/m2, seen from twice its height: 38 pixels per degree.

With the 4K monitor that ColorVideoVDP takes by default, 768x512 pixels are so small that most of what codecs do at
medium rates goes unseen.
"""


class UnknownMetricError(CnncompressError):
    """A metric of that name does not exist."""


@dataclass(frozen=True)
class Metric:
    """How close a decoded image is to the original, as one number. Higher is better for every metric.

    Attributes:
        name: In options and files of results, e.g. ``ms-ssim``.
        title: In tables and plots, e.g. ``MS-SSIM``.
        unit: Of the values on `scale`; empty where there is none.
        decimals: Digits after the point that are kept of a score.
        load: Makes the function that computes a score.
        scale: Maps scores, or means of scores, to the scale of tables and plots, on which BD-rates are integrated.
    """

    name: str
    title: str
    unit: str
    decimals: int
    load: Callable[[], Measure] = field(repr=False, compare=False)
    scale: Callable[[float], float] = field(default=lambda score: score, repr=False, compare=False)

    @property
    def heading(self) -> str:
        """Title and unit, for the head of a column."""
        return f"{self.title} {self.unit}".rstrip()


class Scorer:
    """Computes several metrics of decoded images; keeps what they load, so one scorer serves a whole run."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
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


def bits_per_pixel(file_bytes: int, width: int, height: int) -> float:
    """Returns the rate of a whole file, header and metadata included, in bits per pixel."""
    return 8.0 * file_bytes / (width * height)


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
    _check_pair(original, decoded)
    error = original.astype(np.int32) - decoded.astype(np.int32)
    mse = float(np.mean(np.square(error), dtype=np.float64))
    return math.inf if mse == 0.0 else 10.0 * math.log10(PEAK * PEAK / mse)


def ms_ssim(original: Pixels, decoded: Pixels) -> float | None:
    """Returns the multi-scale structural similarity, linear (1 = identical), mean over the RGB channels.

    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment", 2003:
    https://doi.org/10.1109/ACSSC.2003.1292216

    Args:
        original: uint8 [H, W, 3].
        decoded: uint8 [H, W, 3].

    Returns:
        The similarity, or None where the shorter side is below `MS_SSIM_MIN_SIDE`.

    Raises:
        ValueError: Not two uint8 images of the same shape.
    """
    _check_pair(original, decoded)
    if min(original.shape[:2]) < MS_SSIM_MIN_SIDE:
        return None
    # Imported here because torch takes seconds, and rate and PSNR do not need it.
    import torch
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    def batch(pixels: Pixels) -> torch.Tensor:
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        return torch.from_numpy(planes).to(torch.float32).unsqueeze(0)

    with torch.inference_mode():
        similarity = multiscale_structural_similarity_index_measure(batch(decoded), batch(original), data_range=PEAK)
    if not isinstance(similarity, torch.Tensor):  # a tuple only where the contrast images are asked for
        raise TypeError("torchmetrics returned no single similarity")
    return min(float(similarity), 1.0)  # float32 may round identical images to just above 1


def ms_ssim_db(similarity: float) -> float:
    """Returns MS-SSIM in dB, -10 log10(1 - similarity); infinity for 1."""
    return math.inf if similarity >= 1.0 else -10.0 * math.log10(1.0 - similarity)


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
    _check_pair(original, decoded)
    if min(original.shape[:2]) < SSIMULACRA2_MIN_SIDE:
        return None
    from ssimulacra2 import compute_ssimulacra2

    return float(compute_ssimulacra2(_as_file(original), _as_file(decoded)))


class ColorVideoVdp:
    """ColorVideoVDP for still images, in just-objectionable differences (JOD): 10 = identical.

    Of two images that are 1 JOD apart, 75 % of viewers would choose the one with the higher score.

    Mantiuk et al., "ColorVideoVDP: A visual difference predictor for image, video and display distortions", 2024:
    https://doi.org/10.1145/3658144; computed by ``cvvdp`` of PyPI on the CPU, so that scores do not depend on the GPU.

    Args:
        display: One of the displays that ``cvvdp`` knows.
    """

    def __init__(self, display: str = CVVDP_DISPLAY) -> None:
        self._display = display
        self._predictor: Any = None

    def __call__(self, original: Pixels, decoded: Pixels) -> float | None:
        """Returns the score of a decoded image; None if a side is a single pixel.

        Args:
            original: uint8 [H, W, 3], sRGB.
            decoded: uint8 [H, W, 3], sRGB.

        Raises:
            ValueError: Not two uint8 images of the same shape.
        """
        _check_pair(original, decoded)
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
        return cvvdp(display_name=self._display, device=torch.device("cpu"))


PSNR = Metric("psnr", "PSNR", "dB", 4, lambda: psnr)
MS_SSIM = Metric("ms-ssim", "MS-SSIM", "dB", 6, lambda: ms_ssim, ms_ssim_db)
SSIMULACRA2 = Metric("ssimulacra2", "SSIMULACRA2", "", 3, lambda: ssimulacra2)
CVVDP = Metric("cvvdp", "ColorVideoVDP", "JOD", 5, ColorVideoVdp)

METRICS = (PSNR, MS_SSIM, SSIMULACRA2, CVVDP)
"""All of them, in the order of the tables."""


def find_metric(name: str) -> Metric:
    """Returns the metric with a name.

    Raises:
        UnknownMetricError: There is none.
    """
    for metric in METRICS:
        if metric.name == name:
            return metric
    raise UnknownMetricError(f"no metric {name!r}; there are {', '.join(metric.name for metric in METRICS)}")


def _check_pair(original: Pixels, decoded: Pixels) -> None:
    if original.shape != decoded.shape or original.ndim != 3 or original.shape[2] != 3:
        raise ValueError(f"expected two images [H, W, 3], got {original.shape} and {decoded.shape}")
    if original.dtype != np.uint8 or decoded.dtype != np.uint8:
        raise ValueError(f"expected uint8 images, got {original.dtype} and {decoded.dtype}")


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
