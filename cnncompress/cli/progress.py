"""Progress of a training run on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from statistics import fmean

import click
from tqdm import tqdm

Show = Callable[[int, float, float], None]
"""Takes note of the steps done, the minutes used, and the loss since the last call."""

_SMOOTHING = 0.95


@contextlib.contextmanager
def display(minutes: float, start: float, *, quiet: bool) -> Iterator[Show]:
    """Shows how far a run is, for as long as the body runs.

    Args:
        minutes: Time budget.
        start: Minutes that are used already.
        quiet: Whether to show nothing.
    """
    if quiet:
        yield lambda step, minutes, loss: None
    elif sys.stderr.isatty():
        layout = "{percentage:3.0f}%|{bar}| {n:.1f}/{total:g} min{postfix}"
        initial = min(start, minutes)
        with tqdm(total=minutes, initial=initial, file=sys.stderr, dynamic_ncols=True, bar_format=layout) as bar:
            yield _on_bar(bar, minutes)
    else:
        yield _as_lines(minutes, start)


def _on_bar(bar: tqdm, minutes: float) -> Show:
    average: float | None = None

    def show(step: int, used: float, loss: float) -> None:
        nonlocal average
        average = loss if average is None else _SMOOTHING * average + (1.0 - _SMOOTHING) * loss
        bar.set_postfix_str(f"step {step}, loss {average:.4f}", refresh=False)
        # The last step ends a little after the budget, and tqdm draws no bar beyond its total.
        bar.update(min(used, minutes) - bar.n)

    return show


def _as_lines(minutes: float, start: float) -> Show:
    """About a hundred lines, and for a short run fewer: one a minute, but not less than ten."""
    interval = max(minutes / 100.0, min(1.0, minutes / 10.0))
    due = start + interval
    losses: list[float] = []

    def show(step: int, used: float, loss: float) -> None:
        nonlocal due
        losses.append(loss)
        if used >= due:
            click.echo(f"minute {used:.1f} of {minutes:g}, step {step}, loss {fmean(losses):.4f}", err=True)
            due = used + interval
            losses.clear()

    return show
