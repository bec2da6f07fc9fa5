"""Distortions that were tried as training objectives and not kept, in the form of `cnncompress.training.objective`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from ssimulacra2 import ssimulacra2 as reference
from torch import Tensor

from cnncompress.codec.refinement.distortion import LUMA
from cnncompress.training.objective import MSE, Objective, objective_named
from cnncompress.training.similarity import luma, ms_ssim

CHROMA_WEIGHT = 0.2
"""Weight of each chroma plane beside 0.6 for the luma."""
MAX_LOG_LAMBDA_RATIO = 5.7038
"""Natural logarithm of 300, the ratio of the largest and smallest lambda."""
SMALLEST_LAMBDA = 0.0006

_OPSIN = torch.tensor(reference.kOpsinAbsorbanceMatrix, dtype=torch.float32).view(3, 3)
_BIAS = float(reference.kB0)


@dataclass(frozen=True)
class Mixture:
    """``(1 - share) * 255^2 * MSE + share * dissimilarity``.

    Attributes:
        share: By lambda ``[B]``, 0 .. 1.
        dissimilarity: Of original and reconstruction, both float32 ``[B, 3, H, W]``: ``[B]``, about as large as the
            squared error.
        similarity_share: As for `Objective`.
    """

    share: Callable[[Tensor], Tensor]
    dissimilarity: Callable[[Tensor, Tensor], Tensor]
    similarity_share: float

    def distortion(self, x: Tensor, x_hat: Tensor, lmbda: Tensor) -> Tensor:
        """See `cnncompress.training.objective.Objective`."""
        share = self.share(lmbda)
        return (1.0 - share) * MSE.distortion(x, x_hat, lmbda) + share * self.dissimilarity(x, x_hat)


def study_objective(name: str) -> Objective:
    """An objective of the package, or one of ``chroma-A``, ``xyb-A``, ``ssimulacra2-A`` and ``falling-A-B``."""
    kind, *numbers = name.split("-")
    measures = {"chroma": _chroma, "xyb": _xyb, "ssimulacra2": _ssimulacra2, "falling": _luma}
    if kind not in measures:
        return objective_named(name)
    first, last = float(numbers[0]), float(numbers[-1])

    def share(lmbda: Tensor) -> Tensor:
        return first + (last - first) * (lmbda / SMALLEST_LAMBDA).log() / MAX_LOG_LAMBDA_RATIO

    return Mixture(share, measures[kind], (first + last) / 2)


def _luma(x: Tensor, x_hat: Tensor) -> Tensor:
    return 1000.0 * (1.0 - ms_ssim(luma(x), luma(x_hat))[:, 0])


def _chroma(x: Tensor, x_hat: Tensor) -> Tensor:
    """MS-SSIM of the luma and both colour differences (BT.709)."""
    similarity = ms_ssim(*(_ycbcr(image) for image in (x, x_hat)))
    weights = similarity.new_tensor([1.0 - 2.0 * CHROMA_WEIGHT, CHROMA_WEIGHT, CHROMA_WEIGHT])
    return 1000.0 * (1.0 - (similarity * weights).sum(1))


def _ycbcr(x: Tensor) -> Tensor:
    y = luma(x)
    red, blue = x[:, :1], x[:, 2:]
    of_red, _, of_blue = LUMA.tolist()
    return torch.cat([y, (blue - y) / (2 - 2 * of_blue) + 0.5, (red - y) / (2 - 2 * of_red) + 0.5], dim=1)


def _xyb(x: Tensor, x_hat: Tensor) -> Tensor:
    """MS-SSIM in the colour space of JPEG XL, Y with twice the weight of X and B."""
    similarity = ms_ssim(_to_xyb(_linear(x)), _to_xyb(_linear(x_hat.clamp(0.0, 1.0))))
    return 1000.0 * (1.0 - (similarity * similarity.new_tensor([0.25, 0.5, 0.25])).sum(1))


def _ssimulacra2(x: Tensor, x_hat: Tensor) -> Tensor:
    """100 minus the score of SSIMULACRA2, differentiable; windows are mirrored at the edges."""
    light, light_hat = _linear(x), _linear(x_hat.clamp(0.0, 1.0))
    scales = []
    for scale in range(reference.kNumScales):
        if scale:
            light, light_hat = F.avg_pool2d(light, 2), F.avg_pool2d(light_hat, 2)
        if min(light.shape[-2:]) < 8:
            break
        scales.append(_scale_features(_to_xyb(light), _to_xyb(light_hat)))
    features = torch.stack(scales, dim=2)  # [B, channel, scale, feature]
    weights = torch.tensor(reference.weights, dtype=torch.float32).view(3, reference.kNumScales, 6)
    total = (features * weights[:, : features.shape[2]]).sum((1, 2, 3)) * 0.9562382616834844
    total = 2.326765642916932 * total - 0.020884521182843837 * total**2 + 6.248496625763138e-05 * total**3
    return 10.0 * total.clamp_min(1e-3) ** 0.6276336467831387


def _scale_features(x: Tensor, x_hat: Tensor) -> Tensor:
    """Structure, artefacts and lost detail by their means and fourth-power means: ``[B, 3, 6]``."""
    planes = torch.cat([x, x_hat, x * x, x_hat * x_hat, x * x_hat], dim=1)
    mean, mean_hat, square, square_hat, product = _blurred(planes).chunk(5, dim=1)
    structure = 2.0 * (product - mean * mean_hat) + reference.kC2
    contrast = (square - mean**2) + (square_hat - mean_hat**2) + reference.kC2
    loss = (1.0 - (1.0 - (mean - mean_hat) ** 2) * structure / contrast).clamp_min(0.0)
    edges = (1.0 + (x_hat - mean_hat).abs()) / (1.0 + (x - mean).abs()) - 1.0
    maps = (loss, edges.clamp_min(0.0), (-edges).clamp_min(0.0))
    plain = [values.mean((2, 3)) for values in maps]
    fourth = [((values**4).mean((2, 3)) + 1e-12) ** 0.25 - 1e-3 for values in maps]
    return torch.stack([*plain, *fourth], dim=-1)


def _blurred(planes: Tensor) -> Tensor:
    distance = torch.arange(11.0) - 5.0
    window = torch.exp(distance.square() / (-2 * 1.5**2))
    window = window / window.sum()
    channels, reach = planes.shape[1], min(5, *(side - 1 for side in planes.shape[-2:]))
    planes = F.pad(F.pad(planes, (reach,) * 4, mode="reflect"), (5 - reach,) * 4, mode="replicate")
    planes = F.conv2d(planes, window.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(planes, window.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


def _linear(x: Tensor) -> Tensor:
    """Linear light of sRGB."""
    return torch.where(x <= 0.04045, x / 12.92, ((x.clamp_min(0.0404) + 0.055) / 1.055) ** 2.4)


def _to_xyb(light: Tensor) -> Tensor:
    """XYB, shifted to positive values as SSIMULACRA2 does."""
    cones = (torch.einsum("ij,bjhw->bihw", _OPSIN, light) + _BIAS).clamp_min(1e-6) ** (1 / 3) - _BIAS ** (1 / 3)
    long, middle, short = cones.unbind(1)
    x, y = 0.5 * (long - middle), 0.5 * (long + middle)
    return torch.stack([14.0 * x + 0.42, y + 0.01, short - y + 0.55], dim=1)
