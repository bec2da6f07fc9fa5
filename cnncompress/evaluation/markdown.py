"""Tables of results in Markdown, as README and model cards show them."""

from __future__ import annotations

from statistics import fmean

from cnncompress.evaluation.curves import mean_curve, mean_value, rows_by_quality
from cnncompress.evaluation.plain_text import bd_rate_cell
from cnncompress.evaluation.results import CodecResults, Results

MINUS = "\N{MINUS SIGN}"


def bd_rate_markdown(results: Results, compared: CodecResults) -> str:
    """Returns a table of a codec's BD-rates against every other one, a column for each metric; of the mean curves."""
    metrics = compared.metrics
    rows = [
        [
            f"`{peer.codec}`: {peer.settings}",
            *(_percent(bd_rate_cell(mean_curve(compared, metric), mean_curve(peer, metric))) for metric in metrics),
        ]
        for peer in results.codecs
        if peer.codec != compared.codec
    ]
    return _markdown([f"`{compared.codec}` against", *(metric.title for metric in metrics)], rows)


def curve_markdown(codec: CodecResults) -> str:
    """Returns a table of a codec's mean rate and scores at each of its qualities, a column for each metric."""
    rows = []
    for quality, some in rows_by_quality(codec).items():
        values = [mean_value(some, metric) for metric in codec.metrics]
        cells = ["-" if value is None else f"{value:.2f}".replace("-", MINUS) for value in values]
        rows.append([f"{quality:g}", f"{fmean(row.bpp for row in some):.4f}", *cells])
    return _markdown(["quality", "bpp", *(metric.heading for metric in codec.metrics)], rows)


def _percent(cell: str) -> str:
    return f"{cell.replace('-', MINUS)} %" if cell[-1].isdigit() else cell


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
