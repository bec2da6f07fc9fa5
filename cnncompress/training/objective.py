"""Distortions that a run can minimise beside the rate, by their names in its configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from cnncompress.training.similarity import luma, ms_ssim


class Objective(Protocol):
    """A distortion; the loss of a sample is ``lambda * distortion + bpp``."""

    @property
    def similarity_share(self) -> float:
        """Weight of the similarity, 0 .. 1; the encoder's search wants it as well (`Weights.similarity_share`)."""

    def distortion(self, x: Tensor, x_hat: Tensor, lmbda: Tensor) -> Tensor:
        """Measures a batch; on a GPU it must not make the host wait.

        Args:
            x: float32 ``[B, 3, H, W]`` in ``0 .. 1``, the original.
            x_hat: float32 of the same shape, the reconstruction, not clamped.
            lmbda: float32 ``[B]``, trade-off of each sample, by which a distortion may depend on the quality.

        Returns:
            float32 ``[B]``, on the scale of ``255^2 * MSE``, which the lambdas are for.
        """


@dataclass(frozen=True)
class SquaredError:
    """``255^2 * MSE`` over RGB: PSNR."""

    similarity_share: float = 0.0

    def distortion(self, x: Tensor, x_hat: Tensor, lmbda: Tensor) -> Tensor:
        """See `Objective`."""
        return 255.0**2 * (x_hat - x).square().mean((1, 2, 3))


@dataclass(frozen=True)
class Mix:
    """``(1 - share) * 255^2 * MSE + share * 1000 * (1 - MS-SSIM of the luma)``.

    The factor of a thousand brings the two to the same order of magnitude.

    Attributes:
        similarity_share: Weight of the similarity, 0 .. 1, both excluded.
    """

    similarity_share: float

    def distortion(self, x: Tensor, x_hat: Tensor, lmbda: Tensor) -> Tensor:
        """See `Objective`."""
        dissimilarity = 1.0 - ms_ssim(luma(x), luma(x_hat))[:, 0]
        share = self.similarity_share
        return (1.0 - share) * MSE.distortion(x, x_hat, lmbda) + share * 1000.0 * dissimilarity


MSE = SquaredError()


def objective_named(name: str) -> Objective:
    """Returns the objective ``mse``, or ``mix-A`` with the weight A of the similarity, such as ``mix-0.6``.

    Raises:
        ValueError: There is none.
    """
    if name == "mse":
        return MSE
    if (match := re.fullmatch(r"mix-(0\.\d+)", name)) and (share := float(match[1])) > 0.0:
        return Mix(share)
    raise ValueError(f"objective is {name!r:.50}, must be mse, or mix-A with A between 0 and 1, such as mix-0.6")
