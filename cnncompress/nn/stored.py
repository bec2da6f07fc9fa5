"""The float networks from the arrays of a weights file, and back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from cnncompress.model.weights import Weights, stored_as_half
from cnncompress.nn.network import CodecNetwork


def network_of(weights: Weights) -> CodecNetwork:
    """Builds the float networks of a model: in float32, on the CPU, without gradients."""
    # Building a network draws its initial values, which are replaced at once: the caller's generator is left alone.
    with torch.random.fork_rng(devices=[]):
        network = CodecNetwork(weights.config)
    network.load_state_dict({name: torch.tensor(array) for name, array in weights.network.items()})
    return network.requires_grad_(False)


def arrays_of(network: CodecNetwork) -> dict[str, NDArray[np.float32]]:
    """The arrays of networks by name, as `Weights` holds them."""
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in network.state_dict().items()}


@torch.no_grad()
def round_to_stored(network: CodecNetwork) -> None:
    """Rounds a network's weights to the precision in which they are stored, in place."""
    for name, tensor in network.state_dict().items():
        if stored_as_half(name):
            tensor.copy_(tensor.half().float())
