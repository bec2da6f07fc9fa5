"""Reports the result of each file: as text on standard error, and as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO, TYPE_CHECKING, Any

import click

from cnncompress.batch.jobs import Action
from cnncompress.batch.outcomes import Result, Totals
from cnncompress.batch.plan import IS_CNC, Plan
from cnncompress.batch.request import Operation
from cnncompress.cli.bars import ImageBar
from cnncompress.cli.console import say
from cnncompress.cli.options.messages import ReportOptions
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.errors import OutputError
from cnncompress.files import reason
from cnncompress.units import format_bytes, percent, plural

if TYPE_CHECKING:
    from cnncompress.cli.bars import Bar

_DONE: dict[Action, str] = {
    "compress": "compressed",
    "decompress": "decompressed",
    "test": "tested",
    "copy": "copied",
}

_SOUGHT: dict[Operation, str] = {"compress": "an image", "decompress": "a .cnc file", "test": "a .cnc file"}


class Reporter:
    """Reports the results of a run, one by one.

    Attributes:
        totals: Totals over the results so far.
    """

    def __init__(self, options: ReportOptions, operation: Operation, plan: Plan, log: IO[str] | None) -> None:
        """Starts the clock, and shows a progress bar if the options ask for one.

        Args:
            options: What to report.
            operation: What is done with the files.
            plan: The planned work.
            log: File that JSON is also written to; None for no such file.
        """
        self.totals = Totals()
        self._options = options
        self._operation = operation
        self._plan = plan
        self._log = log
        self._start = time.perf_counter()
        self._bar = self._new_bar()

    def add(self, result: Result) -> None:
        """Reports the result of a file."""
        self.totals.add(result)
        with self._aside():
            self._tell(result)
            self._write(result.to_json())
        if self._bar is not None and result.status in ("ok", "copied", "error"):
            self._bar.add(result.pixels)

    def finishing(self, files: int) -> None:
        """Reports a signal, after which the run ends as soon as the running files are finished.

        Args:
            files: Number of running files.
        """
        if files and not self._options.quiet:
            with self._aside():
                say("note", f"finishing {plural(files, 'file')}; interrupt again to stop at once")

    def interrupted(self, *, wrote_nothing: bool) -> None:
        """Reports that a signal has ended the work on a single file.

        Args:
            wrote_nothing: Whether the output is a file, which was not written then.
        """
        if not self._options.quiet:
            say("note", "interrupted; nothing written" if wrote_nothing else "interrupted")

    def finish(self, left: int) -> None:
        """Reports the totals.

        Args:
            left: Number of files that were not started, because the run was interrupted.
        """
        if self._bar is not None:
            self._bar.close()
        seconds = time.perf_counter() - self._start
        self._write(self.totals.to_json(seconds))
        if self._options.quiet:
            return
        if self._options.verbose:
            for name in self._plan.others:
                say("note", f"{name}: left alone, not {_SOUGHT[self._operation]}")
        if left:
            say("note", f"stopped: {self.totals.files} done, {left} left")
        if not self._plan.single:
            say("note", self._summary(seconds))

    def _tell(self, result: Result) -> None:
        if result.error is not None:
            say("error", f"{result.about}: {result.error}")
            if result.trace is not None and self._options.verbose > 1:
                click.echo(result.trace.rstrip(), err=True)
        if self._options.quiet:
            return
        for warning in result.warnings:
            say("warning", f"{result.input}: {warning}")
        noted = result.reason is not None and (result.reason == IS_CNC or self._plan.single)
        if self._options.verbose or noted or result.status == "planned":
            line = _line(result)
            if line is not None:
                say("note", line)

    def _summary(self, seconds: float) -> str:
        totals, counts = self.totals, self.totals.statuses
        parts = []
        for action, count in totals.planned.items():
            sizes = _sizes(totals.input_bytes, totals.estimated_bytes)
            about = f", about {sizes}" if totals.estimated_bytes and action != "copy" else ""
            parts.append(f"{plural(count, 'file')} would be {_DONE[action]}{about}")
        if counts["ok"] or not totals.files:
            text = f"{plural(counts['ok'], 'file')} {_DONE[self._operation]}"
            if counts["ok"]:
                speed = f"{counts['ok'] / seconds:.1f} images/s, {totals.pixels / 1e6 / seconds:.1f} MP/s"
                sizes = f", {_sizes(totals.input_bytes, totals.output_bytes)}" if totals.output_bytes else ""
                text += f"{sizes}, {seconds:.1f} s, {speed}"
            parts.append(text)
        if counts["copied"]:
            parts.append(f"{counts['copied']} copied")
        if counts["skipped"]:
            reasons = ", ".join(
                why if len(totals.reasons) == 1 else f"{count} {why}" for why, count in totals.reasons.items()
            )
            parts.append(f"{counts['skipped']} skipped ({reasons})")
        if counts["error"]:
            parts.append(f"{counts['error']} failed")
        if self._plan.others:
            parts.append(f"{plural(len(self._plan.others), 'other file')} left alone")
        return "; ".join(parts)

    def _write(self, values: dict[str, Any]) -> None:
        line = json.dumps(values)
        if self._options.json:
            click.echo(line)
        if self._log is not None:
            try:
                self._log.write(line + "\n")
                self._log.flush()
            except OSError as error:
                raise OutputError(f"{self._options.json_file}: {reason(error)}") from error

    def image_progress(self) -> AbstractContextManager[Progress]:
        """Returns a progress callback for the work on a single image; it shows nothing if no bar is wanted."""
        return ImageBar() if self._shows_progress else nullcontext(unwatched)

    @property
    def _shows_progress(self) -> bool:
        wanted = self._options.progress
        return not self._options.quiet and sys.stderr.isatty() if wanted is None else wanted

    def _new_bar(self) -> Bar | None:
        if not self._shows_progress or len(self._plan.jobs) < 2:
            return None
        from cnncompress.cli.bars import Bar  # imports tqdm

        return Bar(len(self._plan.jobs))

    def _aside(self) -> AbstractContextManager[None]:
        return nullcontext() if self._bar is None else self._bar.aside()


@contextmanager
def json_log(path: str | None) -> Iterator[IO[str] | None]:
    """Opens the file of ``--json-file`` for the body; an existing file is overwritten.

    Args:
        path: Path of the file; None for no file.

    Raises:
        OutputError: The file cannot be opened.
    """
    if path is None:
        yield None
        return
    try:
        stream = open(path, "w", encoding="utf-8")  # noqa: SIM115 - closed below; only errors of opening are translated
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: {reason(error)}") from error
    with stream:
        yield stream


def _line(result: Result) -> str | None:
    name = result.input if result.output is None else f"{result.input} -> {result.output}"
    if result.status == "skipped":
        return f"{result.input}: skipped, {result.reason}"
    if result.status == "copied":
        return f"{name}: copied"
    if result.action is not None:
        return f"{name}: would be {_DONE[result.action]}{_expectation(result)}"
    if result.status != "ok" or result.input_bytes is None:
        return None
    facts = [f"{result.width}x{result.height}"]
    if result.coding is not None and result.coding != "learned":
        facts.append(result.coding)
    if result.quality is not None:
        facts.append(f"quality {result.quality:g}")
    if result.output_bytes is not None:
        facts.append(f"{format_bytes(result.input_bytes)} -> {format_bytes(result.output_bytes)}")
        facts.append(percent(result.output_bytes, result.input_bytes))
    facts += [f"{result.bpp:.3f} bpp", f"{result.seconds or 0:.2f} s"]
    if result.device is not None:
        facts.append(result.device)
    return f"{name}: {', '.join(facts)}"


def _expectation(result: Result) -> str:
    text = "" if result.width is None else f", {result.width}x{result.height}"
    if result.input_bytes is not None:
        text += f", {format_bytes(result.input_bytes)}"
    return text if result.estimated_bytes is None else f"{text} -> about {format_bytes(result.estimated_bytes)}"


def _sizes(before: int, after: int) -> str:
    return f"{format_bytes(before)} -> {format_bytes(after)} ({percent(after, before)})"
