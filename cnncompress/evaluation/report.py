"""Tables of results as plain text: mean curves, BD-rate against every anchor, times."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

from cnncompress.api import DEFAULT_QUALITY
from cnncompress.evaluation.bdrate import (
    CurveError,
    NoOverlapError,
    bd_rate,
    bd_rate_per_image,
    common_psnr,
)
from cnncompress.evaluation.curves import Curve, image_curves, mean_curve
from cnncompress.evaluation.metrics import ms_ssim_db
from cnncompress.evaluation.peers import CNC
from cnncompress.evaluation.results import CodecResults, Results

NARROW_RANGE_DB = 3.0
"""A common PSNR range below this is marked: its BD-rate says little about the rest of the curves."""


def format_report(results: Results, published: Sequence[Curve] = ()) -> str:
    """All tables.

    Args:
        results: Codecs measured on the same images, from `merge`.
        published: More anchors for BD-rate.

    Raises:
        ResultsError: A codec lacks a quality on some image.
    """
    sections = [curve_table(codec) for codec in results.codecs]
    sections += [sentence for codec in results.codecs if (sentence := default_quality_sentence(codec))]
    if len(results.codecs) + len(published) > 1:
        sections.append(bd_rate_table(results, published))
    sections.append(time_table(results))
    return "\n\n".join(sections)


def curve_table(codec: CodecResults) -> str:
    """Mean rate and distortion of one codec at each quality."""
    rows = []
    for quality in sorted({row.quality for row in codec.rows}):
        some = tuple(row for row in codec.rows if row.quality == quality)
        point = mean_curve(CodecResults(codec.codec, codec.settings, codec.environment, some))
        if point.psnr:
            similarity = f"{ms_ssim_db(point.ms_ssim[0]):.2f}" if point.ms_ssim else "-"
            linear = f"{point.ms_ssim[0]:.5f}" if point.ms_ssim else "-"
            rows.append([f"{quality:g}", f"{point.bpp[0]:.4f}", f"{point.psnr[0]:.3f}", linear, similarity])
        else:
            rows.append([f"{quality:g}", "an image came back identical: no mean PSNR", "", "", ""])
    title = f"{codec.codec}: mean of {len(codec.images)} images ({codec.settings})"
    return _table(title, ["quality", "bpp", "PSNR dB", "MS-SSIM", "MS-SSIM dB"], rows)


def default_quality_sentence(codec: CodecResults) -> str | None:
    """What the default quality of cnncompress means, on average; None if the codec is another, or has no such rows."""
    rows = tuple(row for row in codec.rows if row.quality == DEFAULT_QUALITY and row.psnr is not None)
    if codec.codec != CNC or not rows:
        return None
    bpp, psnr = fmean(row.bpp for row in rows), fmean(row.psnr or 0.0 for row in rows)
    means = f"{bpp:.2f} bpp and {psnr:.1f} dB on these {len(rows)} images"
    return f"Quality {DEFAULT_QUALITY:g}, the default, means {means}."


def bd_rate_table(results: Results, published: Sequence[Curve] = ()) -> str:
    """BD-rate of every measured codec (columns) against every codec and published curve (rows).

    Each codec has two columns: the BD-rate between curves of means, and the mean of the images' BD-rates,
    which does not exist against a published mean curve.
    """
    means = {codec.codec: mean_curve(codec) for codec in results.codecs}
    singles = {codec.codec: image_curves(codec) for codec in results.codecs}
    header = ["anchor"]
    for name in means:
        header += [name, "per image"]
    rows = []
    for anchor in (*means.values(), *published):
        row = [anchor.label]
        for name, curve in means.items():
            if curve is anchor:
                row += ["-", "-"]
                continue
            row.append(_bd_cell(curve, anchor))
            row.append("-" if anchor.published else _per_image_cell(singles[name], singles[anchor.name]))
        rows.append(row)
    title = "BD-rate in % (PSNR, pchip over the common range; negative: smaller files than the anchor)"
    notes = (
        "per image: mean of the images' BD-rates; (n of m): only n images could be compared; "
        f"~: common range below {NARROW_RANGE_DB:g} dB"
    )
    return f"{_table(title, header, rows)}\n{notes}"


def time_table(results: Results) -> str:
    """Median encode and decode seconds, per image and per megapixel, over all images and qualities."""
    rows = []
    for codec in results.codecs:
        megapixels = [row.width * row.height / 1e6 for row in codec.rows]
        encodes = [row.encode_seconds for row in codec.rows]
        decodes = [row.decode_seconds for row in codec.rows]
        rows.append(
            [
                codec.codec,
                f"{median(encodes):.4f}",
                f"{median(decodes):.4f}",
                f"{median(s / size for s, size in zip(encodes, megapixels, strict=True)):.4f}",
                f"{median(s / size for s, size in zip(decodes, megapixels, strict=True)):.4f}",
                str(codec.environment.threads),
                codec.environment.cpu,
            ]
        )
    header = ["codec", "encode s", "decode s", "encode s/MP", "decode s/MP", "threads", "processor"]
    return _table("Time, median over images and qualities", header, rows)


def _bd_cell(test: Curve, anchor: Curve) -> str:
    try:
        low, high = common_psnr(test, anchor)
        return f"{'~' if high - low < NARROW_RANGE_DB else ''}{bd_rate(test, anchor):+.1f}"
    except NoOverlapError:
        return "no overlap"
    except CurveError:
        return "no curve"


def _per_image_cell(test: dict[str, Curve], anchor: dict[str, Curve]) -> str:
    result = bd_rate_per_image(test, anchor)
    if result.percent is None:
        return "no overlap"
    partial = f" ({result.compared} of {result.images})" if result.compared < result.images else ""
    return f"{result.percent:+.1f}{partial}"


def _table(title: str, header: list[str], rows: list[list[str]]) -> str:
    """Columns as wide as their contents: the first to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [title]
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
