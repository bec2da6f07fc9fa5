"""Reports the result of each file: as text on standard error, and as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path, PurePath
from typing import IO, Any

import click

from cnncompress.batch.collisions import refuse_file_of_run
from cnncompress.batch.jobs import Job
from cnncompress.batch.outcomes import SCHEMA, Result, Totals
from cnncompress.batch.plan import IS_CNC, Plan
from cnncompress.batch.request import Existing, Operation
from cnncompress.cli.bars import FilesBar, ImageBar
from cnncompress.cli.console import printable, say
from cnncompress.cli.exit_codes import working_on
from cnncompress.cli.lines import Sought, described, line_about, skipped, summary
from cnncompress.cli.options.messages import MessageOptions
from cnncompress.cli.terminal import is_terminal, status
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.errors import OutputError, OutputExists
from cnncompress.files.kinds import STANDARD_STREAM, reason
from cnncompress.files.outputs import check_output
from cnncompress.remote import without_secrets
from cnncompress.units import plural

_LISTED_AGAIN = 10
"""Number of failures that are listed at the end of a run."""
_LOG_BEGINS = f'{{"schema": {SCHEMA}, "type": "'.encode()
"""How a file of ``--json-file`` begins."""


class Reporter:
    """Reports the results of a run, one by one.

    Attributes:
        totals: Totals over the results so far.
    """

    def __init__(
        self, options: MessageOptions, operation: Operation, plan: Plan, log: IO[str] | None, *, guessed: bool = False
    ) -> None:
        """Starts the clock.

        Args:
            options: What to report.
            operation: What is done with the files.
            plan: The planned work.
            log: File that JSON is also written to; None for no such file.
            guessed: Whether estimated sizes are for photographs alone.
        """
        self.totals = Totals()
        self._options = options
        self._operation = operation
        self._plan = plan
        self._log = log
        self._guessed = guessed
        self._sought: Sought = "tar" if plan.tars else "image" if operation == "compress" else "cnc"
        self._stdout = sys.stdout  # libraries that print get another one while they run
        self._start = time.perf_counter()
        self._bar: FilesBar | None = None
        self._failures: list[str] = []  # the first of them
        self._more_failures = 0

    def add(self, result: Result) -> None:
        """Reports the result of a file."""
        self.totals.add(result)
        with self._aside():
            self._tell(result)
            self._write(result.to_json())
        failed = result.status == "error"
        if self._bar is not None and (failed or result.status in ("ok", "copied")):
            after = 0 if failed else result.output_bytes or 0
            self._bar.add(result.pixels, result.input_bytes or 0, after, failed=failed)

    @contextmanager
    def loading(self, model: str | None) -> Iterator[None]:
        """Says on a terminal that a model is loaded while the body does so.

        Args:
            model: Name or path of the model; None for the default.
        """
        with status(shown=self._options.shows_progress) as show:
            show(f"loading model {printable(model)}" if model is not None else "loading the model")
            yield

    def begin(self) -> None:
        """Shows a progress bar, if the options ask for one and there are several files."""
        if self._options.shows_progress and len(self._plan.jobs) > 1:
            self._bar = FilesBar(len(self._plan.jobs))

    def started(self, job: Job) -> None:
        """Reports that the work on a file begins; may be called by any thread."""
        if self._bar is not None:
            self._bar.begin(PurePath(without_secrets(job.source)).name)

    def finishing(self, files: int) -> None:
        """Reports a signal, after which the run ends as soon as the running files are finished.

        Args:
            files: Number of running files.
        """
        if files and not self._options.quiet:
            with self._aside():
                say("note", f"finishing {plural(files, 'file')}; interrupt again to stop at once")

    def tell(self, text: str) -> None:
        """Reports what the run waits for; may be called by any thread."""
        if not self._options.quiet:
            with self._aside():
                say("note", text)

    def interrupted(self, *, wrote_nothing: bool) -> None:
        """Reports that a signal has ended the work on a single file.

        Args:
            wrote_nothing: Whether the output is a file, which was not written then.
        """
        if not self._options.quiet:
            say("note", "interrupted; nothing written" if wrote_nothing else "interrupted")

    def finish(self, left: int, exit_code: int) -> None:
        """Reports the totals.

        Args:
            left: Number of files that were not started, because the run was interrupted.
            exit_code: Exit code of the process.
        """
        if self._bar is not None:
            self._bar.close()
        seconds = time.perf_counter() - self._start
        self._write(self.totals.to_json(seconds, exit_code))
        if self._options.quiet:
            return
        if self._options.verbose:
            for name in self._plan.others:
                say("note", f"{name}: skipped, not {described(self._sought)}")
        if left:
            say("note", f"stopped: {self.totals.files} done, {left} left")
        foreign = self._plan.foreign
        if not self._plan.single:
            reasons = Counter(each.reason for each in foreign if each.reason is not None)
            text = summary(self.totals, self._operation, seconds, unlisted=reasons, guessed=self._guessed)
            say("note", text)
        if foreign or self._plan.others:
            names = (*(each.input for each in foreign), *self._plan.others)
            say("note", skipped(names, self._sought))
        if self._options.shows_progress and self.totals.files > 1:
            self._list_failures()

    def _list_failures(self) -> None:
        """Repeats the failures, which have scrolled away on a terminal."""
        for text in self._failures:
            say("error", f"failed: {text}")
        if self._more_failures:
            say("error", f"failed: {plural(self._more_failures, 'more file')}")

    def _tell_failure(self, text: str) -> None:
        say("error", text)
        if len(self._failures) < _LISTED_AGAIN:
            self._failures.append(text)
        else:
            self._more_failures += 1

    def _tell(self, result: Result) -> None:
        if result.error is not None:
            self._tell_failure(f"{result.about}: {result.error}")
            if result.trace is not None and self._options.verbose > 1:
                click.echo(without_secrets(result.trace.rstrip()), err=True)
        for failure in result.tar.failures if result.tar is not None else ():
            self._tell_failure(f"{result.input}: {failure.member}: {failure.error}")
        if self._options.quiet:
            return
        for warning in result.warnings:
            say("warning", f"{result.input}: {warning}")
        noted = result.reason is not None and (result.reason == IS_CNC or self._plan.single)
        if self._options.verbose or noted or result.status == "planned":
            line = line_about(result, self._operation)
            if line is not None:
                say("note", line)
        elif self._tells_success(result):
            line = line_about(result, self._operation, detailed=False)
            if line is not None:
                click.echo(printable(without_secrets(line)), err=True)

    def _tells_success(self, result: Result) -> bool:
        """Whether the only file gets a line although none was asked for: on a terminal, unless the output is a pipe."""
        alone = self._plan.single and self._operation != "test"
        return alone and is_terminal() and result.output != STANDARD_STREAM

    def _write(self, values: dict[str, Any]) -> None:
        line = without_secrets(json.dumps(values))
        if self._options.json:
            click.echo(line, file=self._stdout)
        if self._log is not None:
            try:
                self._log.write(line + "\n")
                self._log.flush()
            except OSError as error:
                raise OutputError(f"{self._options.json_file}: {reason(error)}") from error

    def image_progress(self, *, effort: int) -> AbstractContextManager[Progress]:
        """Returns a progress callback for the work on a single image; it shows nothing if no bar is wanted.

        Args:
            effort: Effort of the encoder, which decides what a step is.
        """
        return ImageBar("rounds" if effort else "tiles") if self._options.shows_progress else nullcontext(unwatched)

    def _aside(self) -> AbstractContextManager[None]:
        return nullcontext() if self._bar is None else self._bar.aside()


@contextmanager
def json_log(path: str | None, files: Iterable[str], existing: Existing) -> Iterator[IO[str] | None]:
    """Opens the file of ``--json-file`` for the body.

    Args:
        path: Path of the file; None for no file.
        files: Inputs and outputs of the run.
        existing: What to do with an existing file; a run that skips or updates existing outputs goes on with its log.

    Raises:
        FileError: The file exists and may not be replaced, is not a log, is an input or output of the run, or cannot be
            opened.
    """
    if path is None:
        yield None
        return
    with working_on(path):
        goes_on = existing in (Existing.SKIP, Existing.UPDATE) and _is_log(path)
        check_output(path, force=goes_on or existing is Existing.REPLACE)
        refuse_file_of_run(path, files)
        try:
            # Only errors of opening count.
            stream = open(path, "a" if goes_on else "w", encoding="utf-8")  # noqa: SIM115 - closed below
        except (OSError, ValueError) as error:
            raise OutputError(reason(error)) from error
    with stream:
        yield stream


def _is_log(path: str) -> bool:
    """Whether there is a log that a run can go on with, or an empty file; not so if it cannot be read.

    Raises:
        OutputExists: There is another file, such as results of ``eval``, which are JSON as well.
    """
    try:
        if not Path(path).is_file():
            return False
        with open(path, "rb") as stream:
            beginning = stream.read(len(_LOG_BEGINS))
    except (OSError, ValueError):
        return False
    if beginning not in (b"", _LOG_BEGINS):
        raise OutputExists("exists already, and is not a log that this run could append to")
    return True
