"""Runs of the training loop on the CPU."""

from __future__ import annotations

import torch
from torch import Tensor

from cnncompress.training.config import TrainConfig
from cnncompress.training.loop import Trainer

CPU = torch.device("cpu")
Images = dict[str, Tensor]


def trainer(config: TrainConfig, images: Images, held_out: Images, lines: list[str] | None = None) -> Trainer:
    """A run that has not begun; its messages are added to the lines."""
    return Trainer(config, images, held_out, CPU, log=(lines if lines is not None else []).append)


def snapshot(run: Trainer) -> dict[str, Tensor]:
    """Copies of all tensors of the model."""
    return {key: tensor.clone() for key, tensor in run.model.state_dict().items()}
