"""What depends on the quality: given at the anchors, interpolated between them.

The vectors are the gain unit of Cui et al., "Asymmetric Gained Deep Image Compression with Continuous Rate Adaptation"
(CVPR 2021, section 3.2), with linear interpolation of log-gains.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def quality_position(quality: Tensor, anchors: int) -> Tensor:
    """Maps quality 0 .. 100 to a place among the anchors, 0 .. anchors - 1 (float32 ``[B]``)."""
    return torch.clamp(quality.float() / 100.0 * (anchors - 1), 0.0, float(anchors - 1))


class QualityTable(nn.Module):
    """One learned vector per anchor quality."""

    def __init__(self, anchors: int, channels: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(anchors, channels))

    def forward(self, position: Tensor) -> Tensor:
        """Interpolates the table linearly.

        Args:
            position: float32 ``[B]``, place among the anchors, ``0 .. anchors - 1``.

        Returns:
            float32 ``[B, C, 1, 1]``.
        """
        return interpolated(self.table, position)


def interpolated(table: Tensor, position: Tensor) -> Tensor:
    """Row of a table ``[A, C]`` at each place among its anchors, ``[B]``: ``[B, C, 1, 1]``."""
    # A product with hat functions reads no index, which a compiler could not fuse with what is around it. It is
    # written out because autocast would take a matrix product to bfloat16.
    anchors = torch.arange(len(table), dtype=position.dtype, device=position.device)
    weight = (1.0 - (position[:, None] - anchors).abs()).clamp_min(0.0)
    vector = (weight[:, :, None] * table).sum(1)
    return vector[:, :, None, None]


def lambda_at(lambdas: tuple[float, ...], position: Tensor) -> Tensor:
    """Interpolates lambda between the anchors, linearly in its logarithm.

    Args:
        lambdas: Trade-offs of the anchors.
        position: float32 ``[B]``, place among the anchors.

    Returns:
        float32 ``[B]``.
    """
    logs = torch.tensor(lambdas, device=position.device).log()
    low = position.floor().clamp(0, len(lambdas) - 2).long()
    return torch.lerp(logs[low], logs[low + 1], position - low).exp()
