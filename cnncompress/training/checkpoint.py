"""Checkpoints: everything that a run needs to go on as if it had not stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from cnncompress.errors import InvalidModel
from cnncompress.files import reason
from cnncompress.training.config import TrainConfig, config_from_dict
from cnncompress.training.tensor_files import read_tensors, write_tensors

FORMAT = "cnncompress-checkpoint-1"
_TENSOR_PARTS = ("model", "average", "rng")
_FIELDS = {"config", "step", "seconds", "parameter_groups", "held_out", "environment"}


@dataclass(frozen=True)
class Checkpoint:
    """State of a run.

    Attributes:
        config: What is being trained.
        step: Optimiser steps done.
        seconds: Training time used.
        model: State dictionary of the `HyperpriorModel`.
        average: State dictionary of its averaged weights.
        optimizer: State dictionary of the optimiser.
        rng: States of torch's generators by the kind of device, "cpu" and what else is used.
        held_out: Names of the validation images.
        environment: Versions and machine, as text.
    """

    config: TrainConfig
    step: int
    seconds: float
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, Any]
    rng: dict[str, Tensor]
    held_out: tuple[str, ...]
    environment: str


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Writes a checkpoint so that a reader sees the old one or the new one, never a part.

    Raises:
        OutputError: It cannot be written.
    """
    tensors = {f"{part}/{key}": tensor for part in _TENSOR_PARTS for key, tensor in getattr(checkpoint, part).items()}
    for index, moments in checkpoint.optimizer["state"].items():
        tensors |= {f"optimizer/{index}/{key}": tensor for key, tensor in moments.items()}
    values = {
        "format": FORMAT,
        "config": asdict(checkpoint.config),
        "step": checkpoint.step,
        "seconds": checkpoint.seconds,
        "parameter_groups": checkpoint.optimizer["param_groups"],
        "held_out": checkpoint.held_out,
        "environment": checkpoint.environment,
    }
    write_tensors(path, tensors, json.dumps(values))


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint; nothing in it is run.

    Raises:
        InvalidModel: The file is missing, damaged, or no checkpoint of this program.
    """
    try:
        tensors, text = read_tensors(path)
        values = json.loads(text)
        if values.pop("format", None) != FORMAT:
            raise ValueError("not of this program, or of another version")
        if values.keys() != _FIELDS:
            raise ValueError(f"fields {sorted(values)}, not {sorted(_FIELDS)}")
        parts: dict[str, dict[str, Tensor]] = {part: {} for part in _TENSOR_PARTS}
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            part, _, rest = key.partition("/")
            if part == "optimizer":
                index, _, rest = rest.partition("/")
                moments.setdefault(int(index), {})[rest] = tensor
            else:
                parts[part][rest] = tensor
        groups = [{**group, "betas": tuple(group["betas"])} for group in values["parameter_groups"]]
        return Checkpoint(
            config=config_from_dict(values["config"]),
            step=int(values["step"]),
            seconds=float(values["seconds"]),
            optimizer={"state": moments, "param_groups": groups},
            held_out=tuple(values["held_out"]),
            environment=values["environment"],
            **parts,
        )
    except OSError as error:
        raise InvalidModel(f"{path}: not a checkpoint: {reason(error)}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidModel(f"{path}: not a checkpoint: {error}") from error
