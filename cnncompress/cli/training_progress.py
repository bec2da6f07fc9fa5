"""Progress of a training run on standard error: a bar on a terminal, and occasional lines otherwise."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from statistics import fmean
from typing import TYPE_CHECKING

import click

from cnncompress.cli.terminal import NARROW, can_rewrite, columns, is_terminal

if TYPE_CHECKING:
    from tqdm import tqdm

Show = Callable[[int, float, float], None]
"""Called with the steps done, the minutes used, and the loss since the last call."""

_SMOOTHING = 0.95


@contextlib.contextmanager
def display(minutes: float, start: float, *, quiet: bool) -> Iterator[Show]:
    """Shows the progress of a training run while the body runs.

    Args:
        minutes: Time budget in minutes.
        start: Minutes used before.
        quiet: Whether to show nothing.
    """
    if quiet:
        yield lambda step, minutes, loss: None
    elif is_terminal() and can_rewrite():
        from tqdm import tqdm  # slow to import

        bar_part = "{percentage:3.0f}%|{bar}| " if columns() >= NARROW else ""
        layout = bar_part + "{n:.1f}/{total:g} min{postfix}"
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
        # The last step ends slightly after the budget, and tqdm draws no bar beyond its total.
        bar.update(min(used, minutes) - bar.n)

    return show


def _as_lines(minutes: float, start: float) -> Show:
    """Prints lines at regular times: about a hundred in a long run, one per minute in a shorter one, at least ten."""
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
