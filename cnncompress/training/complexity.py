"""Size and arithmetic of a model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from cnncompress.entropy.scales import IntegerScales
from cnncompress.model.config import HYPER_STRIDE
from cnncompress.nn.network import CodecNetwork

_SIDE = 2 * HYPER_STRIDE
"""Side of the blank test image; at most one strip of the restoration filter, or overlaps would count twice."""


@dataclass(frozen=True)
class Complexity:
    """What a model costs.

    Attributes:
        parameters: Numbers in the float and integer networks, the linear path included.
        encode_kmac_per_pixel: Thousand multiply-accumulates per pixel of encoding.
        decode_kmac_per_pixel: The same of decoding.
    """

    parameters: int
    encode_kmac_per_pixel: float
    decode_kmac_per_pixel: float


@torch.no_grad()
def measure_complexity(network: CodecNetwork, scales: IntegerScales) -> Complexity:
    """Counts parameters, and multiply-accumulates of all convolutions (of the float ones on a blank image).

    Args:
        network: Float networks, on the CPU.
        scales: Integer scale networks.

    Returns:
        The counts; an image of whole 64-pixel cells is taken, padding costs extra.
    """
    position = torch.zeros(1)
    x = torch.zeros(1, 3, _SIDE, _SIDE)
    with FlopCounterMode(display=False) as analysis:
        y = network.analyse(x, position)
        z = network.hyper_analyse(y, position)
    with FlopCounterMode(display=False) as entropy:
        y_hat = network.walk_context(z.round(), position, lambda step, mean, delta: mean)
    with FlopCounterMode(display=False) as synthesis:
        network.synthesise(y_hat, position)

    integers = scales.products_per_cell() / (HYPER_STRIDE // 2) ** 2

    def kmac(*counters: FlopCounterMode) -> float:
        floats = float(sum(counter.get_total_flops() for counter in counters)) / 2 / _SIDE**2
        return (floats + integers) / 1000

    parameters = sum(tensor.numel() for tensor in network.parameters())
    parameters += sum(tensor.size for tensor in scales.tensors.values())
    return Complexity(parameters, kmac(analysis, entropy), kmac(entropy, synthesis))
