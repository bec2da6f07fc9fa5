"""Averaged weights: what is validated and exported."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from cnncompress.training.hyperprior import TrainableModel


class WeightAverage(nn.Module):
    """Exponential moving average of a model's parameters.

    torch's `AveragedModel` counts its updates on the device and reads the counter before each one; the host would wait
    there for the step's end. This one starts from the model's weights, and its update is one queued operation.

    Attributes:
        decay: Share that the average keeps of itself in an update, 0 .. 1; to be set before each update.
    """

    def __init__(self, model: TrainableModel) -> None:
        """Copies a model, on the device where it is trained."""
        super().__init__()
        self.module = copy.deepcopy(model).requires_grad_(False)
        self.decay = 1.0

    @torch.no_grad()
    def update_parameters(self, model: TrainableModel) -> None:
        """Moves the average towards the model's present parameters."""
        torch._foreach_lerp_(list(self.module.parameters()), list(model.parameters()), 1.0 - self.decay)


def decay_over(seconds: float, window: float) -> float:
    """Returns the decay of an update, so that the average reaches as far back in time however quick the steps are.

    Args:
        seconds: Time since the update before.
        window: Seconds after which what was averaged has 1/e of its weight left.

    Returns:
        The decay; 0.90 or more, so that neither slow steps nor a pause leave an average of fewer than ten steps.
    """
    return math.exp(-min(seconds / window, 0.1))
