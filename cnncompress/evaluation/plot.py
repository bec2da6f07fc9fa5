"""Plots of quality over rate; the only module of the package that imports matplotlib."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnncompress.errors import OutputError
from cnncompress.evaluation.curves import Curve
from cnncompress.files.outputs import write_output
from cnncompress.named_errors import naming

FORMATS = (".svg", ".png")

_STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "svg.fonttype": "none",  # text stays text: smaller files that can be searched
    "svg.hashsalt": "cnncompress",  # the same curves give the same file
}

# Okabe and Ito's colours, which colour-blind readers can tell apart; black is kept for the codec itself.
_MARKERS = ("o", "s", "^", "D")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_OWN = "cnc"


def plot_curves(
    curves: Sequence[Curve],
    path: Path,
    *,
    max_bpp: float = 2.0,
    title: str | None = None,
    force: bool = True,
) -> None:
    """Draws quality over rate and writes it as SVG or PNG, by the ending of `path`.

    Measured curves are solid with a marker at each point, published ones dashed and named as published.
    Curves without points are left out.

    Args:
        curves: At least one with points, all of the same metric.
        path: Where to write.
        max_bpp: Right end of the rate axis.
        title: Above the axes, e.g. the data set.
        force: Whether an existing file may be replaced.

    Raises:
        OutputError: Another ending, nothing to draw, or the file cannot be written or replaced.
    """
    drawn = [curve for curve in curves if curve.bpp]
    if not drawn:
        raise OutputError("no curve has points to plot")
    metric = drawn[0].metric
    with figure_file(path, height=4.8, force=force) as figure:
        axes = figure.add_subplot()
        visible: list[float] = []
        for curve, (colour, marker) in zip(drawn, _looks(drawn), strict=True):
            axes.plot(
                curve.bpp,
                curve.values,
                label=curve.label,
                color=colour,
                linestyle="--" if curve.published else "-",
                linewidth=1.2 if curve.published else 2.2 if curve.name == _OWN else 1.6,
                marker=None if curve.published else marker,
                markersize=3.5,
            )
            visible += [value for rate, value in zip(curve.bpp, curve.values, strict=True) if rate <= max_bpp]
        axes.set_xlim(0.0, max_bpp)
        if visible:  # the axis fits what is to be seen, not the points beyond the right end
            margin = 0.04 * (max(visible) - min(visible)) or 1.0
            axes.set_ylim(min(visible) - margin, max(visible) + margin)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 2, 2.5, 5, 10]))
        axes.set_xlabel("rate, bits per pixel")
        axes.set_ylabel(f"{metric.title}, {metric.unit}" if metric.unit else metric.title)
        if title:
            axes.set_title(title, loc="left", fontsize=11)
        axes.legend(frameon=False, loc="lower right")


@contextmanager
def figure_file(path: Path, height: float, *, force: bool = True) -> Iterator[Figure]:
    """Makes a figure 7 inches wide in the style of all plots, and writes it after the body has drawn into it.

    Args:
        path: SVG or PNG to write, by its ending.
        height: Height in inches.
        force: Whether an existing file may be replaced.

    Raises:
        OutputError: Another ending, or the file cannot be written or replaced.
    """
    if path.suffix.lower() not in FORMATS:
        raise OutputError(f"cannot plot to {path}: expected a name ending in {' or '.join(FORMATS)}")
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(7.0, height), layout="constrained")
        yield figure
        # No date in the file, so that it changes only when the curves do.
        kind = path.suffix[1:].lower()
        stream = io.BytesIO()
        figure.savefig(stream, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    with naming(path):
        write_output(str(path), stream.getbuffer(), force=force)


def _looks(curves: Sequence[Curve]) -> list[tuple[str, str]]:
    """Colour and marker of each curve; where colours run out, the next round of them has another marker."""
    looks, others = [], 0
    for curve in curves:
        if curve.name == _OWN:
            looks.append(("black", _MARKERS[0]))
            continue
        turn, place = divmod(others, len(COLOURS))
        looks.append((COLOURS[place], _MARKERS[turn % len(_MARKERS)]))
        others += 1
    return looks
