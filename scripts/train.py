"""Trains a model: ``python scripts/train.py IMAGES... --minutes 90 -o runs/base.pt``."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import click
import torch
from torch import Tensor

from cnncompress.errors import CnncompressError, UnknownModel
from cnncompress.model.devices import resolve_device
from cnncompress.model.manifest import read_manifest
from cnncompress.model.weights import load_weights
from cnncompress.training.config import load_config
from cnncompress.training.data import hold_out, load_images, split_held_out
from cnncompress.training.distributed import joined, own_device
from cnncompress.training.hyperprior import TrainableModel, trainable_model
from cnncompress.training.initialise import patch_covariance, untrained_model
from cnncompress.training.loop import KLT_PATCHES, Trainer
from cnncompress.training.widen import widened

CLOCKS = {"wall": time.monotonic, "cpu": time.process_time}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", default="runs/base.pt", type=click.Path(path_type=Path), help="Checkpoint to write.")
@click.option("--config", type=click.Path(path_type=Path, exists=True), help="TOML file; default settings without it.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting, e.g. model.width_8=64; the value in TOML. Repeatable.",
)
@click.option("--from", "base", metavar="NAME|PATH", help="Start from the weights of this model, and with its shape.")
@click.option(
    "--widen",
    type=int,
    metavar="CHANNELS",
    help="Give the model to start from so many latent channels; it must have fewer.",
)
@click.option("--minutes", default=90.0, type=click.FloatRange(min=0), help="Time budget of the whole run.")
@click.option(
    "--clock",
    default="wall",
    type=click.Choice(sorted(CLOCKS)),
    help="Whose minutes: the clock's, or those of the CPU cores used, which compare runs on a busy machine.",
)
@click.option(
    "--stop-after",
    type=click.FloatRange(min=0),
    help="Minutes of real time, loading included, after which to stop with a checkpoint.",
)
@click.option("--final-validation/--no-final-validation", default=True, help="Validate when the program ends.")
@click.option("--resume/--no-resume", default=True, help="Go on from OUTPUT where it exists.")
@click.option("--device", default="cpu", help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads of torch.")
@click.option("--compile/--no-compile", "compiled", default=None, help="Compile the model.  [default: on CUDA devices]")
@click.option(
    "--held-out",
    default="24",
    metavar="NUMBER|NAME",
    help="Images kept for validation: so many, or the same files as for the model of that name.",
)
@click.option("--max-steps", type=click.IntRange(min=1), help="Stop after this many steps.")
def main(
    images: tuple[Path, ...],
    output: Path,
    config: Path | None,
    changes: tuple[str, ...],
    base: str | None,
    widen: int | None,
    minutes: float,
    clock: str,
    stop_after: float | None,
    final_validation: bool,
    resume: bool,
    device: str,
    threads: int | None,
    compiled: bool | None,
    held_out: str,
    max_steps: int | None,
) -> None:
    """Train on IMAGES: image files, folders or tars of images.

    On several GPUs: torchrun --nproc-per-node GPUS scripts/train.py IMAGES --device cuda.
    """
    began = time.monotonic()
    if widen is not None and base is None:
        raise click.UsageError("--widen needs --from")
    if threads:
        torch.set_num_threads(threads)
    try:
        processes = click.get_current_context().with_resource(joined())
        train, validation = split(load_images(images), held_out)
        if processes.leads:
            click.echo(f"{len(train)} training images, {len(validation)} held out")
        settings = load_config(config, changes)
        resuming = resume and output.exists()
        start: TrainableModel | None = None
        if base:
            weights = load_weights(base)
            start = trainable_model(weights)
            if widen is not None:
                start = widened(start, widen, patch_covariance(list(train.values()), KLT_PATCHES, settings.seed))
            settings = replace(settings, model=start.config, origin=weights.fingerprint.hex())
        elif resuming:
            start = untrained_model(settings)  # the checkpoint fills it: no statistics of the images are needed
        trainer = Trainer(
            settings,
            train,
            validation,
            resolve_device(own_device(device)),
            start=start,
            compiled=compiled,
            clock=CLOCKS[clock],
            log=lambda line: print(line, flush=True),
            processes=processes,
        )
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        if resuming:
            trainer.resume(output)
            trainer.log(f"resumed at step {trainer.step}, minute {trainer.seconds / 60:.1f}")
        limit = 60.0 * stop_after + began - time.monotonic() if stop_after is not None else math.inf
        trainer.run(
            minutes,
            output,
            stop_after=limit,
            stopped=stopped.is_set,
            max_steps=max_steps,
            final_validation=final_validation,
        )
    except (CnncompressError, ValueError, OSError) as error:
        sys.exit(f"train: {error}")


def split(images: dict[str, Tensor], held_out: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Training and validation images.

    Args:
        images: All images by name.
        held_out: How many to hold out, or the name of a model, which holds out files wherever they lie now.

    Raises:
        UnknownModel: There is no model of that name.
        ValueError: None of its files is there.
    """
    if held_out.isdecimal():
        return split_held_out(images, int(held_out))
    entry = read_manifest().by_name(held_out)
    if entry is None:
        raise UnknownModel(f"no model named {held_out!r} to hold out the same images")
    files = {Path(name).name for name in entry.training["held_out"]}
    names = {name for name in images if Path(name).name in files}
    if not names:
        raise ValueError(f"none of the {len(files)} images that {held_out} holds out is there")
    return hold_out(images, names)


if __name__ == "__main__":
    main()
