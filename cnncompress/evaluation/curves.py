"""Rate-distortion curves: of measured codecs, per image and averaged, and published ones."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from cnncompress.evaluation.results import CodecResults, Measurement, ResultsError, read_json


@dataclass(frozen=True)
class Curve:
    """Points of one codec, sorted by quality; the tuples have the same length.

    Attributes:
        name: The codec.
        bpp: Rates in bits per pixel.
        psnr: In dB, RGB.
        ms_ssim: Linear, or None where it was not measured at every point.
        published: Taken from a publication, not measured here.
    """

    name: str
    bpp: tuple[float, ...]
    psnr: tuple[float, ...]
    ms_ssim: tuple[float, ...] | None = None
    published: bool = False

    @property
    def label(self) -> str:
        """The name, saying so where the curve is a published one."""
        return f"{self.name} (published)" if self.published else self.name


def mean_curve(codec: CodecResults) -> Curve:
    """Average over the images at each quality: mean bpp, mean PSNR, mean MS-SSIM.

    A quality at which any image came back identical has no finite mean PSNR and is left out.

    Raises:
        ResultsError: A quality was not measured on every image.
    """
    points = []
    for quality in sorted({row.quality for row in codec.rows}):
        rows = [row for row in codec.rows if row.quality == quality]
        if len(rows) != len(codec.images):
            raise ResultsError(
                f"{codec.codec}: quality {quality:g} has {len(rows)} images, expected {len(codec.images)}"
            )
        psnrs = [row.psnr for row in rows if row.psnr is not None]
        if len(psnrs) < len(rows):
            continue
        similarities = [row.ms_ssim for row in rows if row.ms_ssim is not None]
        mean_similarity = fmean(similarities) if len(similarities) == len(rows) else None
        points.append((fmean(row.bpp for row in rows), fmean(psnrs), mean_similarity))
    return _curve(codec.codec, points)


def image_curves(codec: CodecResults) -> dict[str, Curve]:
    """One curve per image, by the image's name; points with an identical image are left out."""
    rows: dict[str, list[Measurement]] = {}
    for row in sorted(codec.rows, key=lambda row: (row.image, row.quality)):
        rows.setdefault(row.image, []).append(row)
    return {
        image: _curve(codec.codec, [(row.bpp, row.psnr, row.ms_ssim) for row in some if row.psnr is not None])
        for image, some in rows.items()
    }


def read_published(path: Path, names: Collection[str] = ()) -> tuple[Curve, ...]:
    """Published curves from a JSON file.

    The file is ``{codec: {"source": ..., "bpp": [...], "psnr_rgb": [...], "ms_ssim_rgb": [...]}}``.

    Args:
        path: The JSON file; `ms_ssim_rgb` (linear) may be missing.
        names: The codecs wanted, in this order; all of the file if empty.

    Raises:
        ResultsError: The file is not such a file or lacks a codec.
    """
    document = read_json(path)
    if not isinstance(document, dict):
        raise ResultsError(f"{path}: not a file of published curves")
    for name in names:
        if name not in document:
            raise ResultsError(f"{path}: has no codec {name!r}; it has {', '.join(document)}")
    return tuple(_published_curve(path, name, document[name]) for name in names or document)


def _published_curve(path: Path, name: str, entry: object) -> Curve:
    columns = [entry.get(key) if isinstance(entry, dict) else None for key in ("bpp", "psnr_rgb", "ms_ssim_rgb")]
    bpp, psnr, ms_ssim = (_numbers(column) for column in columns)
    if bpp is None or psnr is None or len(bpp) != len(psnr):
        raise ResultsError(f"{path}: {name!r} lacks bpp and psnr_rgb, two lists of the same length")
    if columns[2] is not None and (ms_ssim is None or len(ms_ssim) != len(bpp)):
        raise ResultsError(f"{path}: ms_ssim_rgb of {name!r} is not a list as long as bpp")
    return Curve(name, bpp, psnr, ms_ssim, published=True)


def _numbers(column: object) -> tuple[float, ...] | None:
    """The column as finite floats; None where it is anything else."""
    if not isinstance(column, list):
        return None
    numbers = tuple(float(value) for value in column if isinstance(value, (int, float)) and math.isfinite(value))
    return numbers if len(numbers) == len(column) else None


def _curve(name: str, points: list[tuple[float, float, float | None]]) -> Curve:
    similarities = tuple(point[2] for point in points if point[2] is not None)
    return Curve(
        name=name,
        bpp=tuple(point[0] for point in points),
        psnr=tuple(point[1] for point in points),
        ms_ssim=similarities if points and len(similarities) == len(points) else None,
    )
