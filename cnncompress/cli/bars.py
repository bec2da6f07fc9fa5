"""Bars on standard error: of a batch of files, of the work on one image, and of measurements.

A terminal that cannot rewrite a line gets a new one now and then.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType

import click

from cnncompress.cli.console import printable
from cnncompress.cli.terminal import DUMB_SECONDS, NARROW, can_rewrite, columns
from cnncompress.units import format_bytes, format_rate

_WIDE = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}"
_SHORT = "{desc}{n_fmt}/{total_fmt} <{remaining}{postfix}"


class Bar:
    """Steps done out of a total, with a note beside them."""

    def __init__(self, total: int, what: str = "", *, leave: bool = False) -> None:
        """Shows the bar.

        Args:
            total: Number of steps.
            what: What the steps belong to; it gets half of the terminal at most.
            leave: Whether the bar stays on the terminal when it is closed.
        """
        from tqdm import tqdm  # slow to import

        self._what = what = what[: columns() // 2]
        self._beside = ""
        self._rewrites = can_rewrite()
        self._due = time.monotonic() + DUMB_SECONDS
        self._bar: tqdm[None] = tqdm(
            total=total,
            desc=f"{what}: " if what else "",
            file=sys.stderr,
            dynamic_ncols=True,
            smoothing=0.1,
            leave=leave,
            bar_format=_layout(),
            disable=not self._rewrites,
        )
        self._bar.total = total  # tqdm forgets it if it shows nothing
        self._done = 0
        self._start = time.monotonic()

    @property
    def done(self) -> int:
        """Number of steps done."""
        return self._done

    @property
    def seconds(self) -> float:
        """Time since the bar appeared."""
        return time.monotonic() - self._start

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Counts steps.

        Args:
            steps: Their number; less than 0 where another pass begins.
            note: New note; None to keep it.
        """
        self._done += steps
        self.note(note, refresh=False)
        self._bar.update(steps)
        if not self._rewrites and (time.monotonic() >= self._due or self._done == self._bar.total):
            self._due = time.monotonic() + DUMB_SECONDS
            text = f"{self._done} of {self._bar.total}{self._beside}"
            click.echo(f"{self._what}: {text}" if self._what else text, err=True)

    def note(self, text: str | None, *, refresh: bool = True) -> None:
        """Replaces the note; None to keep it."""
        if text is not None:
            self._beside = f", {text}" if text else ""
        if self._rewrites:
            self._bar.bar_format = _layout()
            if text is not None:
                self._bar.set_postfix_str(text, refresh=refresh)

    def expect(self, total: int) -> None:
        """Changes the number of steps."""
        self._bar.total = total

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Hides the bar while the body writes to the terminal."""
        if not self._rewrites:
            yield
            return
        with self._bar.external_write_mode(file=sys.stderr):
            yield

    def close(self) -> None:
        """Stops updating the bar."""
        self._bar.close()


@contextlib.contextmanager
def progress_bar(total: int, what: str, *, shown: bool, leave: bool = False) -> Iterator[Callable[..., object]]:
    """Shows a bar while the body runs.

    Args:
        total: Number of steps.
        what: What the steps belong to.
        shown: Whether to show anything.
        leave: Whether the bar stays on the terminal.

    Yields:
        A function that counts a step; its argument, if there is one, is the new note beside the bar.
    """
    if not shown:
        yield lambda note="": None
        return
    with contextlib.closing(Bar(total, printable(what), leave=leave)) as bar:
        yield lambda note="": bar.advance(1, printable(note))


def _layout() -> str:
    return _WIDE if columns() >= NARROW else _SHORT


class FilesBar:
    """Bar over the files of a batch: bytes before and after, failures, speed, and the file that was begun last."""

    def __init__(self, total: int) -> None:
        """Shows the bar.

        Args:
            total: Number of files.
        """
        self._bar = Bar(total, leave=True)
        self._pixels = self._before = self._after = self._failed = 0
        self._name = ""

    def begin(self, name: str) -> None:
        """Shows the name of a file that is being worked on; may be called by any thread."""
        self._name = printable(name)
        self._bar.note(self._note())

    def add(self, pixels: int, before: int, after: int, *, failed: bool) -> None:
        """Counts one more file.

        Args:
            pixels: Number of pixels of its image, 0 if unknown.
            before: Size of the input in bytes, 0 if unknown.
            after: Size of the output in bytes, 0 if there is none.
            failed: Whether the work on it failed.
        """
        self._pixels += pixels
        self._failed += failed
        if after:
            self._before += before
            self._after += after
        self._bar.advance(1, self._note())

    def aside(self) -> contextlib.AbstractContextManager[None]:
        """Hides the bar while the body writes to the terminal."""
        return self._bar.aside()

    def close(self) -> None:
        """Stops updating the bar; it stays on the terminal."""
        self._bar.note(self._note(with_name=False))
        self._bar.close()

    def _note(self, *, with_name: bool = True) -> str:
        parts = []
        if self._failed:
            parts.append(f"{self._failed} failed")
        if self._after:
            parts.append(f"{format_bytes(self._before)} -> {format_bytes(self._after)}")
        if self._pixels and self._bar.seconds > 0 and columns() >= NARROW:
            parts.append(f"{format_rate(self._pixels / 1e6 / self._bar.seconds)} MP/s")
        if self._name and with_name:
            parts.append(self._name)
        return ", ".join(parts)


class ImageBar:
    """Bar over the steps of one image: tiles, or rounds of effort on them. Not shown for a single step."""

    def __init__(self, steps: str) -> None:
        """Shows nothing yet.

        Args:
            steps: What the steps are, in the plural.
        """
        self._steps = steps
        self._bar: Bar | None = None

    def __call__(self, done: int, total: int) -> None:
        """Updates the bar.

        Args:
            done: Number of steps done; less than before if another pass over the image has started.
            total: Number of steps of this pass.
        """
        if total == 1:
            return
        if self._bar is None:
            self._bar = Bar(total, self._steps)
        self._bar.expect(total)
        self._bar.advance(done - self._bar.done)

    def __enter__(self) -> ImageBar:
        """Returns the bar, which appears with the first step."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.close()
