"""The rate-distortion loss, in one place."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cnncompress.training.hyperprior import HyperpriorOutput
from cnncompress.training.objective import MSE, Objective


@dataclass(frozen=True)
class RateDistortion:
    """Loss of a batch and its parts.

    Attributes:
        loss: float32 scalar, weighted mean of ``lambda * distortion + bpp``.
        bpp: float32 ``[B]``, estimated bits per pixel.
        mse: float32 ``[B]``, mean squared error with 1.0 = white.
    """

    loss: Tensor
    bpp: Tensor
    mse: Tensor

    @property
    def psnr(self) -> Tensor:
        """float32 ``[B]``, PSNR in dB."""
        return -10.0 * torch.log10(self.mse)


def rate_distortion(
    x: Tensor, output: HyperpriorOutput, lmbda: Tensor, weight_exponent: float, objective: Objective = MSE
) -> RateDistortion:
    """Computes the loss.

    Args:
        x: float32 ``[B, 3, H, W]`` in ``0 .. 1``, the original.
        output: What the model made of it.
        lmbda: float32 ``[B]``, trade-off of each sample.
        weight_exponent: Samples are weighted by ``lambda ** -weight_exponent``, normalised over the batch.
        objective: The distortion.

    Returns:
        Loss, rate and squared error.
    """
    bpp = (output.y_bits + output.z_bits) / (x.shape[-1] * x.shape[-2])
    mse = (output.x_hat - x).square().mean((1, 2, 3))
    weight = lmbda**-weight_exponent
    distortion = objective.distortion(x, output.x_hat, lmbda)
    loss = (weight * (lmbda * distortion + bpp)).sum() / weight.sum()
    return RateDistortion(loss, bpp, mse)
