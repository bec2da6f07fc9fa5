"""What a user asks to be trained, and the settings that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

from cnncompress.errors import ModelError, OutputExists
from cnncompress.nn.config import ModelConfig
from cnncompress.training.config import TrainConfig
from cnncompress.training.fine_tune import CPU_BATCH, CROPS, GPU_BATCH, fine_tuning_config, fresh_config

CHECKPOINT_SUFFIX = ".checkpoint"

# Chosen by the program, and may come out otherwise when the run goes on with a longer budget or on another device.
_AUTOMATIC = ("phases", "warmup_steps", "ema_seconds")


@dataclass(frozen=True)
class Job:
    """What is to be trained.

    Attributes:
        images: Image files, folders and tars.
        output: Weights file to write; the checkpoint lies beside it.
        start: Name or path of the model to start from; None for a fresh network.
        minutes: Time budget of the whole run, interruptions not counted.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        settings: All settings of the run, in place of the automatic ones; the model's shape is that of ``start``.
        seed: Seed of weights, crops and qualities; by default that of the settings.
        force: Whether ``output`` may be replaced.
    """

    images: tuple[Path, ...]
    output: Path
    start: str | None
    minutes: float
    device: str = "auto"
    settings: TrainConfig | None = None
    seed: int | None = None
    force: bool = False

    @property
    def checkpoint(self) -> Path:
        """Where the run is kept until it is finished."""
        return self.output.with_name(self.output.name + CHECKPOINT_SUFFIX)


def plan(job: Job, model: ModelConfig | None, origin: str = "", *, on_gpu: bool, crop: int = CROPS[0]) -> TrainConfig:
    """The configuration of a new run.

    Args:
        job: What is to be trained.
        model: Shape of the model that the run starts from; None for a fresh network.
        origin: Fingerprint of that model, in hexadecimal.
        on_gpu: Whether larger batches are quick.
        crop: Largest side of the crops that fits the images, in pixels.

    Raises:
        ModelError: The job's settings describe a model of another shape.
    """
    if job.settings is not None:
        config = job.settings
        if model is not None and config.model not in (model, ModelConfig()):
            raise ModelError("the settings describe a model of another shape than the one to start from")
    elif model is not None:
        config = fine_tuning_config(model, job.minutes, crop=crop, batch=GPU_BATCH if on_gpu else CPU_BATCH)
    else:
        config = fresh_config(job.minutes, crop=crop, batch=GPU_BATCH if on_gpu else None)
    seed = config.seed if job.seed is None else job.seed
    return replace(config, model=model or config.model, seed=seed, origin=origin)


def check_same_run(job: Job, planned: TrainConfig, saved: TrainConfig) -> None:
    """Refuses to go on with the checkpoint of another run.

    Args:
        job: What is to be trained.
        planned: From `plan`; what depends on the images does not matter.
        saved: Configuration of the checkpoint.

    Raises:
        OutputExists: Something that the job asks for is not what the checkpoint has.
    """
    asked = [field.name for field in fields(planned) if job.settings is not None or field.name not in _AUTOMATIC]
    others = [name for name in asked if getattr(planned, name) != getattr(saved, name)]
    if others:
        raise OutputExists(
            f"{job.checkpoint}: checkpoint of a run with other settings ({', '.join(others)}); "
            "go on with those, or remove it to start anew"
        )
