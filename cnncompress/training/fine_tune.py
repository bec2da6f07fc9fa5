"""Settings that follow from what a run starts from, how long it is, and where it runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from statistics import median

from torch import Tensor

from cnncompress.nn.config import ModelConfig
from cnncompress.training.config import Phase, TrainConfig

CPU_BATCH = 4
GPU_BATCH = 16
CROPS = (256, 128, 64)


def fine_tuning_config(model: ModelConfig, minutes: float, *, crop: int = 256, batch: int = CPU_BATCH) -> TrainConfig:
    """Settings of a run that starts from a trained model.

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
    """The default settings, fitted to a run that starts from nothing.

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
    """Largest side of crops, 256, 128 or 64, that fits into at least half of the images ``[3, H, W]``."""
    side = median(min(image.shape[1:]) for image in images)
    return next((crop for crop in CROPS if crop <= side), CROPS[-1])


def _warmup_steps(minutes: float) -> int:
    """100 steps, or fewer where those would be a good part of a short run on a CPU."""
    return max(10, min(100, round(10 * minutes)))


def _ema_seconds(minutes: float) -> float:
    """A sixth of the run, or less: a short one must not end with an average of mostly its starting weights."""
    return min(10.0 * minutes, TrainConfig().ema_seconds)
