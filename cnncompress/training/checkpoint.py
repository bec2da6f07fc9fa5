"""Checkpoints: everything that a run needs to go on as if it had not stopped."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cnncompress.errors import InvalidModel
from cnncompress.training.config import TrainConfig, config_from_dict


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
        rng: State of torch's generator.
        held_out: Names of the validation images.
        environment: Versions and machine, as text.
    """

    config: TrainConfig
    step: int
    seconds: float
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, Any]
    rng: Tensor
    held_out: tuple[str, ...]
    environment: str


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Writes a checkpoint so that a reader sees the old one or the new one, never a part."""
    state = {name: value for name, value in vars(checkpoint).items() if name != "config"}
    state["held_out"] = list(checkpoint.held_out)
    state["config"] = json.dumps(asdict(checkpoint.config))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    torch.save(state, temporary)
    temporary.replace(path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint; tensors only, no pickled code.

    Raises:
        InvalidModel: The file is no checkpoint of this program.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        config = config_from_dict(json.loads(state.pop("config")))
        held_out = tuple(state.pop("held_out"))
        return Checkpoint(config=config, held_out=held_out, **state)
    except OSError as error:
        raise InvalidModel(f"{path}: not a checkpoint: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:  # torch explains in many lines how to run the pickle's code
        raise InvalidModel(f"{path}: not a checkpoint: not tensors and plain values alone") from error
    except (AttributeError, RuntimeError, KeyError, TypeError, ValueError, EOFError) as error:
        raise InvalidModel(f"{path}: not a checkpoint: {error}") from error
