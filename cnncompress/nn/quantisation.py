"""Quantisation steps by place: how coarsely each element of the latent is rounded.

Squared error is lowest with the same step everywhere. The eye is not: it sees an error on a smooth wall that it misses
in grass. So the features of the hyper-synthesis, which both sides have, also give the logarithm of a step for every
latent position and each of the four pieces that the channels of a coding step are cut into. The encoder divides the
residuals by it before it rounds, the decoder multiplies:

    symbol = round((y - mean) / delta)        y_hat = mean + symbol * delta

The steps are floats and select no probability table; the scales are those of the symbols, in these steps. Steps that
follow the features were proposed in Apple's PICO (2026, arXiv 2605.05148); encoders of AVIF and JPEG XL vary theirs by
the variance of a block.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cnncompress.entropy.parts import PARTS_OF_STEP, STEPS, coding_parts
from cnncompress.model.config import MAX_LOG_DELTA, ModelConfig
from cnncompress.nn.blocks import conv1x1, zero_initialised
from cnncompress.nn.mean_context import coding_order
from cnncompress.nn.straight_through import lower_bound


class QuantisationSteps(nn.Module):
    """Steps of all elements of a latent; untrained, 1 everywhere."""

    index: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        pieces = [part.in_step for part in coding_parts(config.bands)[:PARTS_OF_STEP]]
        piece_of = [number for number, channels in enumerate(pieces) for _ in range(channels.start, channels.stop)]
        self.head = zero_initialised(conv1x1(config.hyper_features, 4 * len(pieces)))
        places = [4 * piece_of[element // 4] + element % 4 for element in coding_order(config.bands)]
        self.register_buffer("index", torch.tensor(places), persistent=False)

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Computes the steps.

        Args:
            features: ``[B, hyper_features, h/2, w/2]``, from the hyper-synthesis.

        Returns:
            Four times float32 ``[B, M, h/2, w/2]``, in the order of `StepPartition.split`, in units of the step that
            the gain stands for: 0.22 .. 4.5.
        """
        with torch.autocast(features.device.type, enabled=False):
            log_delta = self.head(features.float())
        log_delta = -lower_bound(-lower_bound(log_delta, -MAX_LOG_DELTA), -MAX_LOG_DELTA)
        return log_delta.exp()[:, self.index].chunk(STEPS, dim=1)
