"""Progress on standard error: of a batch of files, of the work on one image, and of a training run.

A training run shows a bar on a terminal, and occasional lines otherwise.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from statistics import fmean
from types import TracebackType
from typing import TYPE_CHECKING

import click

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
    elif sys.stderr.isatty():
        from tqdm import tqdm  # slow to import

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


class Bar:
    """Progress bar over the files of a batch."""

    def __init__(self, total: int) -> None:
        """Shows the bar.

        Args:
            total: Number of files.
        """
        from tqdm import tqdm

        self._bar = tqdm(total=total, file=sys.stderr, unit="image", dynamic_ncols=True, smoothing=0.1)
        self._pixels = 0

    def add(self, pixels: int) -> None:
        """Counts one more file.

        Args:
            pixels: Number of pixels of its image, 0 if unknown.
        """
        self._pixels += pixels
        seconds = self._bar.format_dict["elapsed"]
        if seconds > 0:
            self._bar.set_postfix_str(f"{self._pixels / 1e6 / seconds:.1f} MP/s", refresh=False)
        self._bar.update()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Hides the bar while the body writes to the terminal."""
        with self._bar.external_write_mode(file=sys.stderr):
            yield

    def close(self) -> None:
        """Stops updating the bar; it stays on the terminal."""
        self._bar.close()


class ImageBar:
    """Progress bar over the steps of one image: tiles, or rounds of effort on them. Not shown for a single step."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Updates the bar.

        Args:
            done: Number of steps done; less than before if another pass over the image has started.
            total: Number of steps of this pass.
        """
        if total == 1:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, file=sys.stderr, unit="step", dynamic_ncols=True, leave=False)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> ImageBar:
        """Returns the bar, which appears with the first step."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.close()
