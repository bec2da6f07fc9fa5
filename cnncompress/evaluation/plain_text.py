"""Tables of results as plain text: mean curves, BD-rates against every peer by every metric, times."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

from cnncompress.codec.encode_settings import DEFAULT_QUALITY
from cnncompress.evaluation.bdrate import CurveError, NoOverlapError, bd_rate, bd_rate_per_image, common_range
from cnncompress.evaluation.curves import Curve, image_curves, mean_curve, mean_value, rows_by_quality
from cnncompress.evaluation.metrics import PSNR, Metric
from cnncompress.evaluation.names import CNC
from cnncompress.evaluation.results import CodecResults, Results

NARROW_SHARE = 0.25
"""A BD-rate is marked with ~ if the common range of both curves is a smaller part of their joint range than this."""


def format_results(results: Results, published: Sequence[Curve] = (), of: str | None = None) -> str:
    """Returns all tables as text.

    Args:
        results: Codecs measured on the same images, from `merge`.
        published: More peers for BD-rates, of any metrics.
        of: The codec whose rate is compared with that of the others; see `compared_codec`.

    Raises:
        ResultsError: A codec lacks a quality on some image.
        PlanError: There is no codec `of`.
    """
    compared = compared_codec(results, of)
    sections = [curve_table(codec) for codec in results.codecs]
    sections += [sentence for codec in results.codecs if (sentence := default_quality_sentence(codec))]
    if len(results.codecs) + len(published) > 1:
        sections += [bd_rate_table(results, metric, compared, published) for metric in compared.metrics]
    sections.append(time_table(results))
    return "\n\n".join(sections)


def compared_codec(results: Results, name: str | None = None) -> CodecResults:
    """Returns the codec with a name; without a name cnncompress, or the first codec if that was not measured.

    Raises:
        PlanError: There is no codec of that name.
    """
    if name is None and all(codec.codec != CNC for codec in results.codecs):
        return results.codecs[0]
    return results.codec(name or CNC)


def curve_table(codec: CodecResults) -> str:
    """Returns the table of a codec's mean rate and scores at each of its qualities."""
    rows = []
    for quality, some in rows_by_quality(codec).items():
        bpp = fmean(row.bpp for row in some)
        rows.append([f"{quality:g}", f"{bpp:.4f}", *(_mean_cell(mean_value(some, metric)) for metric in codec.metrics)])
    title = f"{codec.codec}: mean of {len(codec.images)} images; {codec.settings}"
    return _table(title, ["quality", "bpp", *(metric.heading for metric in codec.metrics)], rows)


def default_quality_sentence(codec: CodecResults) -> str | None:
    """Returns what cnncompress's default quality means on average; None for other codecs, or without such rows."""
    rows = rows_by_quality(codec).get(DEFAULT_QUALITY, ())
    psnr = mean_value(rows, PSNR) if rows else None
    if codec.codec != CNC or psnr is None:
        return None
    means = f"{fmean(row.bpp for row in rows):.2f} bpp and {psnr:.1f} dB on these {len(rows)} images"
    return f"Quality {DEFAULT_QUALITY:g}, the default, means {means}."


def bd_rate_table(results: Results, metric: Metric, compared: CodecResults, published: Sequence[Curve] = ()) -> str:
    """Returns the table of a codec's BD-rates against every other one and every published curve, by one metric.

    There are two columns: the BD-rate between curves of means, and the mean of the images' BD-rates, which does not
    exist against a published mean curve.
    """
    own, own_images = mean_curve(compared, metric), image_curves(compared, metric)
    rows = []
    for peer in results.codecs:
        if peer.codec != compared.codec:
            per_image = _per_image_cell(own_images, image_curves(peer, metric))
            rows.append([f"{peer.codec}: {peer.settings}", bd_rate_cell(own, mean_curve(peer, metric)), per_image])
    rows += [[curve.label, bd_rate_cell(own, curve), "-"] for curve in published if curve.metric == metric]
    title = f"BD-rate of {compared.codec} in % by {metric.title} (negative: smaller files than the peer's)"
    notes = (
        "of means: of the mean curves; per image: mean of the images' BD-rates; (n of m): only n can be compared;\n"
        f"pchip over the common range; ~: that is below {NARROW_SHARE:.0%} of what the two curves cover together"
    )
    return f"{_table(title, ['peer', 'of means', 'per image'], rows)}\n{notes}"


def bd_rate_cell(test: Curve, anchor: Curve) -> str:
    """Returns the cell of a BD-rate, in per cent with one decimal; words if there is none."""
    try:
        low, high = common_range(test, anchor)
        covered = max(test.values[-1], anchor.values[-1]) - min(test.values[0], anchor.values[0])
        return f"{'~' if high - low < NARROW_SHARE * covered else ''}{bd_rate(test, anchor):+.1f}"
    except NoOverlapError:
        return "no overlap"
    except CurveError:
        return "no curve"


def time_table(results: Results) -> str:
    """Returns the table of median encode and decode seconds, per image and per megapixel."""
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


def _mean_cell(value: float | None) -> str:
    """Returns the cell of a mean; images that came back identical have no PSNR, small ones no MS-SSIM."""
    return "-" if value is None else f"{value:.3f}"


def _per_image_cell(test: dict[str, Curve], anchor: dict[str, Curve]) -> str:
    result = bd_rate_per_image(test, anchor)
    if result.percent is None:
        return "no overlap"
    partial = f" ({result.compared} of {result.images})" if result.compared < result.images else ""
    return f"{result.percent:+.1f}{partial}"


def _table(title: str, header: list[str], rows: list[list[str]]) -> str:
    """Returns a table with columns as wide as their contents: the first to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [title]
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
