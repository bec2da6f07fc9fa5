"""Images and a configuration with which a run takes a second."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnncompress.model.config import ModelConfig
from cnncompress.training.config import Phase, TrainConfig


@pytest.fixture(scope="session")
def train_images(astronaut: NDArray[np.uint8], coffee: NDArray[np.uint8]) -> dict[str, Tensor]:
    """Two small crops of photographs, uint8 ``[3, H, W]``."""
    crops = {"astronaut": astronaut[:192, 128:384], "coffee": coffee[60:260, 150:350]}
    return {name: torch.tensor(crop).permute(2, 0, 1).contiguous() for name, crop in crops.items()}


@pytest.fixture(scope="session")
def held_out_images(chelsea: NDArray[np.uint8]) -> dict[str, Tensor]:
    """One image that is large enough for validation."""
    return {"chelsea": torch.tensor(chelsea[:256, :256]).permute(2, 0, 1).contiguous()}


@pytest.fixture(scope="session")
def tiny_run(tiny_config: ModelConfig) -> TrainConfig:
    """Both kinds of phases, each half of the run."""
    return TrainConfig(
        model=tiny_config,
        phases=(
            Phase(0.5, crop=64, batch=2),
            Phase(0.5, crop=128, batch=3, last_rate=0.0, simulate_integers=True),
        ),
        warmup_steps=2,
    )
