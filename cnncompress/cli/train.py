"""``cnncompress train``."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

import click

from cnncompress.cli.console import printable, table
from cnncompress.cli.exit_codes import working_on
from cnncompress.cli.options.completing import FileName, ModelName
from cnncompress.cli.options.groups import SectionCommand, refuse_together, section
from cnncompress.cli.options.types import Device, Positive
from cnncompress.cli.signals import stop_request
from cnncompress.cli.terminal import is_terminal, status
from cnncompress.errors import MissingPackage, UnreadableImage
from cnncompress.files import check_output, reason
from cnncompress.model.manifest import read_manifest

if TYPE_CHECKING:
    from cnncompress.training.config import TrainConfig
    from cnncompress.training.distributed import Processes
    from cnncompress.training.job import Job
    from cnncompress.training.session import Session
    from cnncompress.training.validation import Validation

ENDING = ".safetensors"
NO_MODEL = "none"

_ADVICE = "the same command resumes it"

_start = section("Start and settings")
_time = section("Time")
_running = section("Running")
_files = section("Output")
_messages = section("Messages")


@click.command("train", cls=SectionCommand, short_help="Train a model on your own images.")
@click.argument("images", metavar="IMAGES...", nargs=-1, required=True, type=FileName())
@_files(
    "-o",
    "--output",
    metavar="OUTPUT",
    type=FileName(),
    required=True,
    brief=True,
    help=f"Model to write; its name must end in {ENDING}.",
)
@_files("-f", "--force", is_flag=True, brief=True, help="Replace OUTPUT if it exists.")
@_files(
    "--export/--no-export",
    default=True,
    show_default=True,
    help="Write OUTPUT at the end, or only keep OUTPUT.checkpoint.",
)
@_start(
    "--from",
    "start",
    metavar="NAME|PATH|none",
    type=ModelName(),
    brief=True,
    help=f"Model or checkpoint to start from; by default the default model, {NO_MODEL} for a new network.",
)
@_start("--config", metavar="FILE.toml", type=FileName(), help="File with settings that replace the automatic ones.")
@_start(
    "--set",
    "changes",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change a single setting, such as learning_rate=1e-4; the value in TOML. Repeatable.",
)
@_start("--seed", type=click.IntRange(0, 2**31 - 1), help="Seed of the random numbers.")
@_start(
    "--held-out",
    brief=True,
    metavar="N|NAME",
    help="Images held out for validation: their number (at most a tenth of all), or the same images as for an "
    "installed model; ignored for a resumed run.  [default: 24]",
)
@_time("--minutes", type=Positive(), brief=True, default=60.0, show_default=True, help="Training time in total.")
@_time(
    "--clock",
    type=click.Choice(["wall", "cpu"]),
    default="wall",
    show_default=True,
    help="Measure the minutes as wall-clock time, or as CPU time of all cores.",
)
@_time(
    "--stop-after",
    metavar="MINUTES",
    type=Positive(),
    brief=True,
    help="Stop this long after the start; the same command resumes the run.",
)
@_running(
    "--device",
    brief=True,
    type=Device(),
    default="auto",
    show_default=True,
    help="Where to train: auto, cpu, cuda, cuda:N or mps.",
)
@_running("--threads", type=click.IntRange(min=1), help="CPU threads; by default one per core.")
@_running(
    "--compile/--no-compile", "compiled", default=None, help="Compile the networks first.  [default: on CUDA devices]"
)
@_messages("--quiet", is_flag=True, help="Print errors only.")
@_messages(
    "--verbose",
    is_flag=True,
    brief=True,
    help="Print more: rates and PSNR by quality every 100 steps, and each validation.",
)
@click.pass_context
def command(
    ctx: click.Context,
    images: tuple[str, ...],
    output: str,
    force: bool,
    export: bool,
    start: str | None,
    config: str | None,
    changes: tuple[str, ...],
    seed: int | None,
    held_out: str | None,
    minutes: float,
    clock: Literal["wall", "cpu"],
    stop_after: float | None,
    device: str,
    threads: int | None,
    compiled: bool | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Train a model on your own images, starting from an installed one.

    \b
    Examples:
      cnncompress train photos/ -o mine.safetensors
      cnncompress train photos/ more.tar -o mine.safetensors --device cuda
      cnncompress train photos/ -o fresh.safetensors --from none --minutes 1000
      torchrun --nproc-per-node 2 -m cnncompress train photos/ -o mine.safetensors
      cnncompress compress photo.png photo.cnc --model mine.safetensors

    IMAGES are image files, tars, and folders, which are searched for both. OUTPUT is a model for --model; files made
    with it also need it for decompression. With ten images or more, a tenth of them (at most 24) is held out from
    training and used to measure the gain at the end.

    Ctrl-C and SIGTERM save the run in OUTPUT.checkpoint; the same command resumes it, also with another --minutes. A
    run that is resumed continues at its step and minute with its settings, which --config and --set may change.
    """
    refuse_together(ctx, ("quiet", "verbose"))
    if not output.endswith(ENDING):
        raise click.UsageError(f"OUTPUT must end in {ENDING}, which {output!r} does not.")
    with working_on(output):
        check_output(output, force=force or not export)
    for image in images:
        with working_on(image):
            _check_source(image)
    check_packages()
    import torch

    from cnncompress.training.distributed import joined
    from cnncompress.training.job import Job

    if threads is not None:
        torch.set_num_threads(threads)
    job = Job(
        images=tuple(map(Path, images)),
        output=Path(output),
        start=None if start == NO_MODEL else start or read_manifest().default,
        minutes=minutes,
        device=device,
        settings=_settings(config),
        changes=_changes(changes),
        seed=seed,
        held_out=held_out,
        compiled=compiled,
        clock=clock,
        stop_after=math.inf if stop_after is None else stop_after,
        export=export,
        force=force,
    )
    with joined() as processes:
        say = _ignore if quiet or not processes.leads else _say
        with _advice_when_interrupted(job, say):
            _run(job, processes, say, verbose)


def _run(job: Job, processes: Processes, say: Callable[[str], None], verbose: bool) -> None:
    from cnncompress.cli.training_progress import display
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
        with display(job.minutes, session.minutes, quiet=verbose or say is _ignore) as show:
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


def _check_source(source: str) -> None:
    try:
        Path(source).stat()
    except (OSError, ValueError) as error:
        raise UnreadableImage(reason(error)) from error


def check_packages() -> None:
    """Imports what training needs.

    Raises:
        MissingPackage: A package of the extra "train" is missing, or does not fit the others.
    """
    try:
        import cnncompress.training.session  # noqa: F401
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("cnncompress"):
            raise
        raise MissingPackage("training needs more packages: pip install 'cnncompress[train]'") from error
    except (ImportError, RuntimeError) as error:  # a torchvision made for another torch
        raise MissingPackage(f"torchvision does not match the installed torch: {printable(str(error))}") from error


def _settings(config: str | None) -> TrainConfig | None:
    from cnncompress.training.config import load_config

    try:
        return load_config(Path(config)) if config is not None else None
    except OSError as error:
        raise click.BadParameter(f"{config}: {error.strerror or error}", param_hint="--config") from error
    except (TypeError, ValueError) as error:
        raise click.BadParameter(f"{config}: {error}", param_hint="--config") from error


def _changes(settings: tuple[str, ...]) -> dict[str, Any]:
    from cnncompress.training.config import TrainConfig, changed, parse_settings

    try:
        changes = parse_settings(settings)
        changed(TrainConfig(), changes)  # names and values; whether they fit the model is found out later
        return changes
    except (TypeError, ValueError) as error:
        raise click.BadParameter(str(error), param_hint="--set") from error


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
