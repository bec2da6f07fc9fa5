"""Training that goes on from a shipped model instead of from nothing."""

from __future__ import annotations

import torch

from cnncompress.nn.hyperprior import HyperpriorModel
from cnncompress.weights import Weights


def trainable_model(weights: Weights) -> HyperpriorModel:
    """Rebuilds the trainable form of a shipped model.

    The float networks come back in the precision in which they are stored, the scale network as the exact values of its
    integers. The probability tables are not needed: they are counted anew at the next export.

    Args:
        weights: A loaded model.

    Returns:
        The model, on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        model = HyperpriorModel(weights.network.config)
    model.network.load_state_dict(weights.network.state_dict())
    model.scales.load_integers(weights.scales.state_dict())
    return model
