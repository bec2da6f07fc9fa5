"""``cnncompress train``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import click

from cnncompress.cli.console import printable, table
from cnncompress.cli.exit_codes import working_on
from cnncompress.cli.options.running import device_option, force_option
from cnncompress.cli.options.types import Positive
from cnncompress.cli.signals import stop_request
from cnncompress.errors import MissingPackage, UnreadableImage
from cnncompress.files import check_output, reason
from cnncompress.model.manifest import read_manifest

if TYPE_CHECKING:
    from cnncompress.training.config import TrainConfig
    from cnncompress.training.job import Job
    from cnncompress.training.session import Session
    from cnncompress.training.validation import Validation

ENDING = ".safetensors"
NO_MODEL = "none"

_ADVICE = "the same command goes on from there"


@click.command("train", short_help="Train a model on your own images.")
@click.argument("images", metavar="IMAGES...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUTPUT", required=True, help=f"Model to write, ends in {ENDING}.")
@click.option(
    "--from",
    "start",
    metavar="NAME|PATH|none",
    help=f"Model to start from, by default the default model; {NO_MODEL} for a fresh network.",
)
@click.option("--minutes", type=Positive(), default=60.0, show_default=True, help="Time to train for, in all.")
@device_option
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; by default one for each core.")
@click.option("--config", metavar="FILE.toml", help="Settings in place of the automatic ones.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Seed of everything that is drawn at random.")
@click.option("--quiet", is_flag=True, help="Write nothing but errors.")
@force_option
def command(
    images: tuple[str, ...],
    output: str,
    start: str | None,
    minutes: float,
    device: str,
    threads: int | None,
    config: str | None,
    seed: int | None,
    quiet: bool,
    force: bool,
) -> None:
    """Train a model on your own images, starting from an installed one.

    \b
    Examples:
      cnncompress train photos/ -o mine.safetensors
      cnncompress train photos/ more.tar -o mine.safetensors --minutes 240 --device cuda
      cnncompress train photos/ -o fresh.safetensors --from none --minutes 1000
      cnncompress compress photo.png photo.cnc --model mine.safetensors

    IMAGES are image files, folders (searched for images and tars) and tars. OUTPUT is a model for --model; files
    made with it need it for decompression too. Where there are at least ten images, up to 24 of them, a tenth at most,
    are not trained on but show at the end what was gained.

    Ctrl-C keeps the run in OUTPUT.checkpoint, and the same command goes on with it; --minutes may be another then.
    """
    if not output.endswith(ENDING):
        raise click.UsageError(f"OUTPUT must end in {ENDING}, which {output!r} does not.")
    with working_on(output):
        check_output(output, force=force)
    for image in images:
        with working_on(image):
            _check_source(image)
    check_packages()
    import torch

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
        seed=seed,
        force=force,
    )
    with _advice_when_interrupted(job, quiet):
        _run(job, quiet)


def _run(job: Job, quiet: bool) -> None:
    from cnncompress.cli.bars import display
    from cnncompress.training.session import Session

    session = Session(job, lambda error: _say(quiet, printable(f"left out: {error}")))
    _say(quiet, f"{len(session.images)} training images, {len(session.held_out)} held out for validation")
    if session.resumed:
        _say(quiet, f"resumed at minute {session.minutes:.1f} of {job.minutes:g}")
    with stop_request() as stop:
        with display(job.minutes, session.minutes, quiet=quiet) as show:
            finished = session.train(show, lambda: stop.number is not None)
        if not finished or stop.number is not None:
            _say(quiet, f"stopped at minute {session.minutes:.1f} of {job.minutes:g}; {_ADVICE}")
            raise click.exceptions.Exit(stop.exit_code)
    _say(quiet, _gain(session))
    name = printable(str(job.output))
    _say(quiet, f"counting symbols for the probability tables, and writing {name}")
    with working_on(str(job.output)):
        exported = session.finish()
    _say(quiet, f"{name}: model {exported.sha256[:8]}; compress and decompress with --model {name}")


@contextlib.contextmanager
def _advice_when_interrupted(job: Job, quiet: bool) -> Iterator[None]:
    """For Ctrl-C while images are read or the model is written; training stops by itself."""
    try:
        yield
    except KeyboardInterrupt:
        if job.checkpoint.exists():
            _say(quiet, f"stopped; {_ADVICE}")
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
        raise MissingPackage(f"torchvision does not fit the installed torch: {printable(str(error))}") from error


def _settings(config: str | None) -> TrainConfig | None:
    from cnncompress.training.config import load_config

    try:
        return load_config(Path(config)) if config is not None else None
    except OSError as error:
        raise click.BadParameter(f"{config}: {error.strerror or error}", param_hint="--config") from error
    except (TypeError, ValueError) as error:
        raise click.BadParameter(f"{config}: {error}", param_hint="--config") from error


def _gain(session: Session) -> str:
    """What the validation says, in a few lines."""
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


def _say(quiet: bool, text: str) -> None:
    if not quiet:
        click.echo(text, err=True)
