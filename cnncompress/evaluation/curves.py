"""Rate-distortion curves: of measured codecs, per image and averaged, and published ones."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from cnncompress.errors import PlanError, ResultsError
from cnncompress.evaluation.metrics import MS_SSIM, PSNR, Metric
from cnncompress.evaluation.results import CodecResults, Measurement, read_json

PUBLISHED_COLUMNS = ((PSNR, "psnr_rgb"), (MS_SSIM, "ms_ssim_rgb"))
"""The metrics that published curves may have, and what their scores are called in the file."""


@dataclass(frozen=True)
class Curve:
    """Points of one codec by one metric, sorted by quality; the tuples have the same length.

    Attributes:
        name: The codec.
        metric: What quality is measured by.
        bpp: Rates in bits per pixel.
        values: Quality, on the metric's scale.
        published: Taken from a publication, not measured here.
    """

    name: str
    metric: Metric
    bpp: tuple[float, ...]
    values: tuple[float, ...]
    published: bool = False

    @property
    def label(self) -> str:
        """Name in legends; marks published curves."""
        return f"{self.name} (published)" if self.published else self.name


def rows_by_quality(codec: CodecResults) -> dict[float, tuple[Measurement, ...]]:
    """Returns the rows of each quality, by rising quality.

    Raises:
        ResultsError: A quality was not measured on every image.
    """
    rows: dict[float, list[Measurement]] = {}
    for row in sorted(codec.rows, key=lambda row: (row.quality, row.image)):
        rows.setdefault(row.quality, []).append(row)
    for quality, some in rows.items():
        if len(some) != len(codec.images):
            raise ResultsError(
                f"{codec.codec}: quality {quality:g} has {len(some)} images, expected {len(codec.images)}"
            )
    return {quality: tuple(some) for quality, some in rows.items()}


def mean_value(rows: Sequence[Measurement], metric: Metric) -> float | None:
    """Returns the mean score of some rows on the metric's scale; None if a row has none or the mean is infinite."""
    scores = [score for row in rows if (score := row.scores.get(metric.name)) is not None]
    value = metric.scale(fmean(scores)) if len(scores) == len(rows) else math.inf
    return value if math.isfinite(value) else None


def mean_curve(codec: CodecResults, metric: Metric) -> Curve:
    """Returns the curve of the mean rate and the mean score over the images at each quality.

    A quality at which `mean_value` is None is left out: for PSNR, one at which any image came back identical.

    Raises:
        ResultsError: A quality was not measured on every image.
    """
    return _curve(codec.codec, metric, list(rows_by_quality(codec).values()))


def image_curves(codec: CodecResults, metric: Metric) -> dict[str, Curve]:
    """Returns a curve for each image, by the image's name; points without a finite score are left out."""
    rows: dict[str, list[tuple[Measurement, ...]]] = {}
    for row in sorted(codec.rows, key=lambda row: (row.image, row.quality)):
        rows.setdefault(row.image, []).append((row,))
    return {image: _curve(codec.codec, metric, points) for image, points in rows.items()}


def read_published(path: Path, names: Collection[str] = ()) -> tuple[Curve, ...]:
    """Reads published curves from a JSON file, one for each codec and metric.

    The file is ``{codec: {"source": ..., "bpp": [...], "psnr_rgb": [...], "ms_ssim_rgb": [...]}}``.

    Args:
        path: The JSON file; `ms_ssim_rgb` (linear) may be missing.
        names: The codecs wanted, in this order; all of the file if empty.

    Raises:
        ResultsError: The file is not such a file.
        PlanError: It lacks a codec.
    """
    document = read_json(path)
    if not isinstance(document, dict):
        raise ResultsError(f"{path}: not a file of published curves")
    for name in names:
        if name not in document:
            raise PlanError(f"{path}: has no codec {name!r}; it has {', '.join(document)}")
    return tuple(curve for name in names or document for curve in _published_curves(path, name, document[name]))


def _published_curves(path: Path, name: str, entry: object) -> list[Curve]:
    if not isinstance(entry, dict):
        raise ResultsError(f"{path}: {name!r} is not an object with bpp and psnr_rgb")
    bpp = _numbers(entry.get("bpp"))
    curves = []
    for metric, column in PUBLISHED_COLUMNS:
        if column not in entry and metric != PSNR:
            continue
        scores = _numbers(entry.get(column))
        if bpp is None or scores is None or len(bpp) != len(scores):
            raise ResultsError(f"{path}: {name!r} lacks bpp and {column}, two lists of the same length")
        curves.append(Curve(name, metric, bpp, tuple(metric.scale(score) for score in scores), published=True))
    return curves


def _numbers(column: object) -> tuple[float, ...] | None:
    """Returns the column as finite floats; None if it is anything else."""
    if not isinstance(column, list):
        return None
    numbers = tuple(float(value) for value in column if isinstance(value, (int, float)) and math.isfinite(value))
    return numbers if len(numbers) == len(column) else None


def _curve(name: str, metric: Metric, points: Sequence[Sequence[Measurement]]) -> Curve:
    """Returns the curve through the means of the rows of each point."""
    means = [
        (fmean(row.bpp for row in rows), value) for rows in points if (value := mean_value(rows, metric)) is not None
    ]
    return Curve(name, metric, tuple(bpp for bpp, _ in means), tuple(value for _, value in means))
