"""A training job as a user asks for it, and the settings that follow from its start, budget and device."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal

from torch import Tensor

from cnncompress.errors import ModelError, OutputExists
from cnncompress.model.config import ModelConfig
from cnncompress.training.config import Phase, TrainConfig, changed

CHECKPOINT_SUFFIX = ".checkpoint"

# Chosen by the program; may differ when the run goes on with a longer budget or on another device.
_AUTOMATIC = ("phases", "warmup_steps", "ema_seconds")

CPU_BATCH = 4
GPU_BATCH = 16
CROPS = (256, 128, 64)


@dataclass(frozen=True)
class Job:
    """A training job.

    Attributes:
        images: Image files, folders and tars.
        output: Weights file to write; the checkpoint lies beside it.
        start: Name or path of the model to start from, or path of a checkpoint; None for a fresh network.
        minutes: Time budget of the whole run, interruptions not counted.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        settings: All settings of the run, in place of the automatic ones; the model's shape is that of ``start``.
        changes: Other values for single settings, from `cnncompress.training.config.parse_settings`.
        seed: Seed of weights, crops and qualities; by default that of the settings.
        held_out: How many images are not trained on but used for validation, or the name of an installed model, to hold
            out the same images; by default those of the checkpoint that the run starts from, or 24.
        compiled: Whether to compile the networks; None does so on CUDA devices only.
        clock: Whether ``minutes`` are the clock's, or those of all CPU cores used.
        stop_after: Minutes of real time, loading included, after which to stop with a checkpoint.
        export: Whether to write ``output`` at the end. If not, the checkpoint stays.
        force: Whether ``output`` may be replaced.
    """

    images: tuple[Path, ...]
    output: Path
    start: str | None
    minutes: float
    device: str = "auto"
    settings: TrainConfig | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    held_out: str | None = None
    compiled: bool | None = None
    clock: Literal["wall", "cpu"] = "wall"
    stop_after: float = math.inf
    export: bool = True
    force: bool = False

    @property
    def checkpoint(self) -> Path:
        """Where the run is kept until it is finished."""
        return self.output.with_name(self.output.name + CHECKPOINT_SUFFIX)


def plan(
    job: Job,
    model: ModelConfig | None,
    origin: str = "",
    *,
    on_gpu: bool,
    crop: int = CROPS[0],
    earlier: TrainConfig | None = None,
) -> TrainConfig:
    """Returns the configuration of a new run.

    Args:
        job: The training job.
        model: Shape of the model that the run starts from; None for a fresh network.
        origin: Fingerprint of that model, in hexadecimal.
        on_gpu: Whether larger batches are quick.
        crop: Largest side of the crops that fits the images, in pixels.
        earlier: Configuration of the checkpoint that the run starts from.

    Raises:
        ModelError: The job's settings describe a model of another shape, or a change is out of its range.
    """
    if job.settings is not None:
        config = job.settings
    elif earlier is not None:
        config = earlier
    elif model is not None:
        config = fine_tuning_config(model, job.minutes, crop=crop, batch=GPU_BATCH if on_gpu else CPU_BATCH)
    else:
        config = fresh_config(job.minutes, crop=crop, batch=GPU_BATCH if on_gpu else None)
    try:
        config = changed(config, job.changes)
    except ValueError as error:
        raise ModelError(f"settings: {error}") from error
    if model is not None and config.model not in (model, ModelConfig()):
        raise ModelError("the settings describe a model of another shape than the one to start from")
    seed = config.seed if job.seed is None else job.seed
    return replace(config, model=model or config.model, seed=seed, origin=origin)


def check_same_run(job: Job, planned: TrainConfig, saved: TrainConfig) -> None:
    """Checks that a checkpoint is of the same run.

    Args:
        job: The training job.
        planned: From `plan`; what depends on the images does not matter.
        saved: Configuration of the checkpoint.

    Raises:
        OutputExists: The job asks for other settings than the checkpoint has.
    """
    free = () if job.settings is not None else set(_AUTOMATIC) - set(job.changes)
    asked = [each.name for each in fields(planned) if each.name not in free]
    others = [name for name in asked if getattr(planned, name) != getattr(saved, name)]
    if others:
        raise OutputExists(
            f"{job.checkpoint}: checkpoint of a run with other settings ({', '.join(others)}); "
            "go on with those, or remove it to start anew"
        )


def fine_tuning_config(model: ModelConfig, minutes: float, *, crop: int = 256, batch: int = CPU_BATCH) -> TrainConfig:
    """Returns settings for a run that starts from a trained model.

    The peak rates are half of a fresh start's or less: the optimiser knows nothing yet of the weights that it moves,
    and a higher rate first loses what they have learned. Integer arithmetic is simulated from the start, since the
    weights are used to it. The rate stays constant for nearly half of the run and falls to zero until 0.88 of it; in
    the rest the synthesis transform alone gets used to latents that are rounded as in the encoder.

    Args:
        model: Shape of the model that the run starts from.
        minutes: Time budget of the run.
        crop: Side of the crops in pixels, a multiple of 64.
        batch: Crops per step.
    """
    return TrainConfig(
        model=model,
        phases=(
            Phase(0.48, crop, batch, simulate_integers=True),
            Phase(0.40, crop, batch, last_rate=0.0, simulate_integers=True),
            Phase(0.12, crop, batch, last_rate=0.0, simulate_integers=True, synthesis_only=True),
        ),
        learning_rate=1.5e-4,
        table_learning_rate=5e-4,
        klt_learning_rate=2e-5,
        warmup_steps=_warmup_steps(minutes),
        ema_seconds=_ema_seconds(minutes),
        rate_weight_exponent=0.4,
    )


def fresh_config(minutes: float, *, crop: int = 256, batch: int | None = None) -> TrainConfig:
    """Returns the default settings, fitted to a run that starts from nothing.

    Args:
        minutes: Time budget of the run.
        crop: Largest side of the crops in pixels, a multiple of 64.
        batch: Crops per step; by default what each phase has.
    """
    default = TrainConfig()
    phases = (replace(p, crop=min(p.crop, crop), batch=batch or p.batch) for p in default.phases)
    average = _ema_seconds(minutes)
    return replace(default, phases=tuple(phases), warmup_steps=_warmup_steps(minutes), ema_seconds=average)


def fitting_crop(images: Iterable[Tensor]) -> int:
    """Returns the largest side of crops, 256, 128 or 64, that fits into at least half of the images ``[3, H, W]``."""
    side = median(min(image.shape[1:]) for image in images)
    return next((crop for crop in CROPS if crop <= side), CROPS[-1])


def _warmup_steps(minutes: float) -> int:
    """Returns 100 steps, or fewer if those would be a good part of a short run on a CPU."""
    return max(10, min(100, round(10 * minutes)))


def _ema_seconds(minutes: float) -> float:
    """Returns a sixth of the run, or less: a short run must not end with an average of mostly its first weights."""
    return min(10.0 * minutes, TrainConfig().ema_seconds)
