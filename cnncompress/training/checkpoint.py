"""Checkpoints: everything that a run needs to go on as if it had not stopped."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnncompress.errors import InvalidModel
from cnncompress.files.kinds import reason
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

    def restore(
        self, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
    ) -> None:
        """Loads the state into model, average, optimiser and torch's random number generators.

        Args:
            model: The model, on the device.
            average: Its averaged weights, on the device.
            optimizer: The optimiser of the model.
            device: Where the run goes on.

        Raises:
            RuntimeError, ValueError, KeyError, TypeError: The state is of another model.
        """
        model.load_state_dict(self.model)
        average.load_state_dict(self.average)
        optimizer.load_state_dict(self.optimizer)
        for parameter, moments in optimizer.state.items():
            # Files hold tensors in plain order; the fused update needs the parameter's own.
            for name in ("exp_avg", "exp_avg_sq"):
                moments[name] = torch.empty_like(parameter).copy_(moments[name])
        torch.set_rng_state(self.rng["cpu"])
        if device.type == "cuda" and "cuda" in self.rng:
            torch.cuda.set_rng_state(self.rng["cuda"], device)


def generator_states(device: torch.device) -> dict[str, Tensor]:
    """Returns the states of torch's random number generators that a run on a device uses."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def environment_text(device: torch.device) -> str:
    """Returns the version of torch and the machine, as a checkpoint of a run on a device names them."""
    place = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"torch {torch.__version__}, {place}, {platform.machine()}"


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
