"""``cnncompress train``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from cnncompress.cli.console import printable
from cnncompress.cli.exit_codes import working_on
from cnncompress.cli.options.completing import FileName, ModelName
from cnncompress.cli.options.groups import SectionCommand, refuse_together, section
from cnncompress.cli.options.types import Device, Positive
from cnncompress.cli.training_run import run_training
from cnncompress.errors import MissingPackage, UnreadableImage
from cnncompress.files.kinds import reason
from cnncompress.files.outputs import check_output
from cnncompress.model.manifest import SUFFIX, read_manifest

if TYPE_CHECKING:
    from cnncompress.training.config import TrainConfig

NO_MODEL = "none"

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
    help=f"Model to write; its name must end in {SUFFIX}.",
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
    if not output.endswith(SUFFIX):
        raise click.UsageError(f"OUTPUT must end in {SUFFIX}, which {output!r} does not.")
    with working_on(output):
        check_output(output, force=force or not export)
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
        changes=_changes(changes),
        seed=seed,
        held_out=held_out,
        compiled=compiled,
        clock=clock,
        stop_after=math.inf if stop_after is None else stop_after,
        export=export,
        force=force,
    )
    run_training(job, quiet=quiet, verbose=verbose)


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
