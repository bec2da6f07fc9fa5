"""Runs a training job, and says on standard error how far it is and what it gained."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from statistics import fmean
from typing import TYPE_CHECKING

import click

from cnncompress.cli import training_progress
from cnncompress.cli.console import printable, table
from cnncompress.cli.exit_codes import working_on
from cnncompress.cli.signals import stop_request
from cnncompress.cli.terminal import is_terminal, status

if TYPE_CHECKING:
    from cnncompress.training.distributed import Processes
    from cnncompress.training.job import Job
    from cnncompress.training.session import Session
    from cnncompress.training.validation import Validation

_ADVICE = "the same command resumes it"


def run_training(job: Job, *, quiet: bool, verbose: bool) -> None:
    """Trains until the job's time is over or a signal comes, and exports the model.

    Args:
        job: What to train, on what and for how long.
        quiet: Whether nothing but errors is written.
        verbose: Whether each validation is written.

    Raises:
        CnncompressError: As raised by `cnncompress.training.session.Session`.
        click.exceptions.Exit: A signal stopped it, or its time for now is over; the checkpoint is kept.
    """
    from cnncompress.training.distributed import joined

    with joined() as processes:
        say = _ignore if quiet or not processes.leads else _say
        with _advice_when_interrupted(job, say):
            _run(job, processes, say, verbose)


def _run(job: Job, processes: Processes, say: Callable[[str], None], verbose: bool) -> None:
    from cnncompress.training.session import Session

    with status(shown=say is not _ignore and is_terminal()) as show:
        show("loading the model and the images")
        session = Session(
            job,
            on_unreadable=lambda error: say(printable(f"left out: {error}")),
            log=say if verbose else None,
            processes=processes,
        )
    say(f"{len(session.images)} training images, {len(session.held_out)} held out for validation")
    if session.resumed:
        say(f"resumed at minute {session.minutes:.1f} of {job.minutes:g}")
    if session.keeps_held_out:
        say("--held-out is ignored: a resumed run keeps its held-out images")
    with stop_request() as stop:
        with training_progress.display(job.minutes, session.minutes, quiet=verbose or say is _ignore) as show:
            finished = session.train(show, lambda: stop.number is not None)
        if not finished or stop.number is not None:
            say(f"stopped at minute {session.minutes:.1f} of {job.minutes:g}; {_ADVICE}")
            raise click.exceptions.Exit(stop.exit_code)
    if not processes.leads:
        return
    say(_gain(session))
    if not job.export:
        say(f"{printable(str(job.checkpoint))}: the run, after {session.trainer.step} steps")
        return
    name = printable(str(job.output))
    say(f"counting symbols for the probability tables, and writing {name}")
    with working_on(str(job.output)):
        exported = session.finish()
    say(f"{name}: model {exported.sha256[:8]}; compress and decompress with --model {name}")


@contextlib.contextmanager
def _advice_when_interrupted(job: Job, say: Callable[[str], None]) -> Iterator[None]:
    """For Ctrl-C while images are read or the model is written; training stops by itself."""
    try:
        yield
    except KeyboardInterrupt:
        if job.checkpoint.exists():
            say(f"stopped; {_ADVICE}")
        raise


def _gain(session: Session) -> str:
    """Returns what the validation says, in a few lines."""
    after = session.after
    if after is None:
        return "no validation: it takes ten images or more, and held-out ones of at least 256x256 pixels"
    if session.before is None:
        return f"validation loss {fmean(after.loss):.4f}\n{_rows(after, None)}"
    loss, other = fmean(session.before.loss), fmean(after.loss)
    change = 100.0 * (other / loss - 1.0)
    return f"validation loss {loss:.4f} before, {other:.4f} after ({change:+.1f} %)\n{_rows(after, session.before)}"


def _rows(after: Validation, before: Validation | None) -> str:
    last = len(after.bpp) - 1
    columns = [["quality", *(f"{100 * anchor / last:.0f}" for anchor in range(last + 1))]]
    moments = [(after, "")] if before is None else [(before, " before"), (after, " after")]
    for validation, moment in moments:
        columns.append([f"bpp{moment}", *(f"{value:.4f}" for value in validation.bpp)])
        columns.append([f"PSNR{moment}", *(f"{value:.3f}" for value in validation.psnr)])
    return table(list(zip(*columns, strict=True)))


def _say(text: str) -> None:
    click.echo(text, err=True)


def _ignore(text: str) -> None:
    pass
