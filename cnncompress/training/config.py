"""Configuration of a training run, read from TOML."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from cnncompress.model.config import ModelConfig
from cnncompress.training.objective import objective_named

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")

HYPERPRIOR = "hyperprior"
SEED_ARTICLE = "seed-article"
NETWORKS = (HYPERPRIOR, SEED_ARTICLE)
"""The codec's own network, and the one of `cnncompress.training.seed_article`, which is there to be compared with."""


@dataclass(frozen=True)
class Phase:
    """A part of the run with its own crops and learning rates.

    Attributes:
        fraction: Share of the time budget, 0 .. 1; the fractions of all phases add up to 1.
        crop: Side of the square crops in pixels, a multiple of 64.
        batch: Crops per step; the qualities are stratified over them.
        first_rate: Learning rate at the start of the phase, relative to the peak.
        last_rate: Learning rate at its end; in between it follows the time used, linearly.
        simulate_integers: Train through simulated integer arithmetic in the scale network.
        synthesis_only: Train the synthesis transform and the inverse gains alone, on latents that are rounded as the
            encoder rounds them (Borzechowski et al. 2025, arXiv 2506.08662).
    """

    fraction: float
    crop: int
    batch: int
    first_rate: float = 1.0
    last_rate: float = 1.0
    simulate_integers: bool = False
    synthesis_only: bool = False


@dataclass(frozen=True)
class Augmentation:
    """Random changes to the training crops.

    Attributes:
        max_downscale: Crops are up to this many times larger, per side, before they are scaled down.
        colour_jitter: Largest relative change of brightness, contrast and saturation.
        colour_jitter_probability: Share of the crops whose colours are changed.
        transpose: Half of the crops swap rows and columns, which with the flips makes all eight orientations.
    """

    max_downscale: float = 2.0
    colour_jitter: float = 0.1
    colour_jitter_probability: float = 0.25
    transpose: bool = False


@dataclass(frozen=True)
class TrainConfig:
    """A training run.

    The default phases keep the learning rate constant for most of the time and let it fall to zero at the end (Hägele
    et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations", NeurIPS 2024): a checkpoint of
    the constant part can be finished at any time, and be trained on after all.

    Attributes:
        model: Shape of the network.
        network: ``hyperprior``, or ``seed-article``, which of the shape takes the lambdas only and cannot be exported.
        objective: The distortion, by its name in `cnncompress.training.objective`: ``mse``, or ``mix-0.6`` and the
            like, for which crops should be of 256 pixels: Below 176 it sees fewer scales.
        phases: Parts of the run, in order.
        augmentation: Random changes to the crops.
        learning_rate: Peak rate of Adam for the networks.
        table_learning_rate: Peak rate for gains, offsets and other per-quality tables.
        klt_learning_rate: Peak rate for the linear path, which starts at its optimum.
        warmup_steps: Steps of linear warm-up, before the rates follow the phases.
        gradient_clip: Largest norm of the gradient.
        ema_seconds: Time that the averaged weights, which are what is exported, reach back: after so many seconds of
            the run's clock what was averaged has 1/e of its weight left.
        rate_weight_exponent: A sample's loss is weighted by ``lambda ** -exponent``, so that the high rates do
            not drown the low ones.
        seed: Seed of weights, crops and qualities.
        origin: Fingerprint of the model that the run starts from, eight hexadecimal digits; empty for a fresh network.
            Set by the code that starts the run.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    network: str = HYPERPRIOR
    objective: str = "mse"
    phases: tuple[Phase, ...] = (
        Phase(0.60, crop=128, batch=8),
        Phase(0.33, crop=256, batch=4, last_rate=0.0, simulate_integers=True),
        Phase(0.07, crop=256, batch=4, first_rate=0.5, last_rate=0.0, synthesis_only=True, simulate_integers=True),
    )
    augmentation: Augmentation = field(default_factory=Augmentation)
    learning_rate: float = 3e-4
    table_learning_rate: float = 2e-3
    klt_learning_rate: float = 4e-5
    warmup_steps: int = 100
    gradient_clip: float = 1.0
    ema_seconds: float = 600.0
    rate_weight_exponent: float = 0.5
    seed: int = 1
    origin: str = ""

    def __post_init__(self) -> None:
        """Checks names, phases and ranges.

        Raises:
            ValueError: There is no such network or objective, the fractions do not add up to 1, a crop is no multiple
                of 64, or the average reaches back no time.
        """
        objective_named(self.objective)
        if self.network not in NETWORKS:
            raise ValueError(f"network is {self.network!r:.50}, must be one of {', '.join(NETWORKS)}")
        if abs(sum(phase.fraction for phase in self.phases) - 1.0) > 1e-6:
            raise ValueError("the fractions of the phases must add up to 1")
        if not self.ema_seconds > 0.0:
            raise ValueError(f"ema_seconds is {self.ema_seconds}, must be above 0")
        for phase in self.phases:
            if phase.crop % 64 or phase.crop < 64 or phase.batch < 1:
                raise ValueError(f"phase with crop {phase.crop} and batch {phase.batch}: crop must be a multiple of 64")

    def phase_at(self, progress: float) -> Phase:
        """Returns the phase in force when ``progress`` (0 .. 1) of the time budget is used."""
        return self._locate(progress)[0]

    def rate_at(self, progress: float) -> float:
        """Returns the learning rate relative to its peak when ``progress`` (0 .. 1) of the time budget is used."""
        phase, share = self._locate(progress)
        return phase.first_rate + share * (phase.last_rate - phase.first_rate)

    def _locate(self, progress: float) -> tuple[Phase, float]:
        """Returns the phase at ``progress`` and the share of it that is over."""
        start = 0.0
        for phase in self.phases:
            if progress < start + phase.fraction:
                return phase, (progress - start) / phase.fraction
            start += phase.fraction
        return self.phases[-1], 1.0


def _build(cls: type[T], values: dict[str, Any]) -> T:
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"unknown {cls.__name__} keys: {', '.join(unknown)}")
    return cls(**values)


def config_from_dict(values: dict[str, Any]) -> TrainConfig:
    """Builds a configuration from nested tables.

    Args:
        values: Keys of `TrainConfig`; ``model`` and ``augmentation`` are tables, ``phases`` an array of tables.

    Raises:
        ValueError: A key is unknown or a value is out of its range.
    """
    values = dict(values)
    if "model" in values:
        values["model"] = model_config_from_dict(values["model"])
    if "augmentation" in values:
        values["augmentation"] = _build(Augmentation, values["augmentation"])
    if "phases" in values:
        values["phases"] = tuple(_build(Phase, phase) for phase in values["phases"])
    return _build(TrainConfig, values)


def model_config_from_dict(values: dict[str, Any]) -> ModelConfig:
    """Builds a `ModelConfig`; raises ValueError for unknown keys or values out of range."""
    values = dict(values)
    if "lambdas" in values:
        values["lambdas"] = tuple(values["lambdas"])
    return _build(ModelConfig, values)


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Parses changes of single settings into nested tables, as `changed` takes them.

    Args:
        settings: ``key=value`` each, the value in TOML; ``model.width_8=64`` reaches into a table.

    Raises:
        ValueError: A setting is not TOML.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        try:
            changes = _merged(changes, tomllib.loads(setting))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"setting {setting!r}: {error}") from error
    return changes


def changed(config: TrainConfig, changes: Mapping[str, Any]) -> TrainConfig:
    """Returns a configuration with other values for some settings.

    Args:
        config: The configuration.
        changes: Nested tables from `parse_settings`.

    Raises:
        ValueError: A key is unknown or a value is out of its range.
    """
    return config_from_dict(_merged(asdict(config), changes)) if changes else config


def _merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, value in changes.items():
        inner = merged.get(key)
        merged[key] = {**inner, **value} if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def load_config(path: Path | None, settings: Sequence[str] = ()) -> TrainConfig:
    """Reads a TOML file and changes single settings.

    Args:
        path: The file; None for the default configuration.
        settings: As for `parse_settings`.

    Raises:
        ValueError: The file or a setting is not TOML, or has unknown keys or values out of range.
        OSError: The file cannot be read.
    """
    values: dict[str, Any] = {}
    if path is not None:
        with path.open("rb") as file:
            values = tomllib.load(file)
    return config_from_dict(_merged(values, parse_settings(settings)))
