"""Starting point of a training run: a working transform codec.

The Karhunen-Loève basis of the training patches goes into the linear path, the quantisation step of each quality starts
at the rate-distortion optimum of a uniform quantiser at high rate, and each channel's scale at its eigenvalue.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from cnncompress.model.config import PATCH, SCALE_MIN
from cnncompress.training.config import SEED_ARTICLE, TrainConfig
from cnncompress.training.hyperprior import HyperpriorModel, TrainableModel
from cnncompress.training.seed_article import SeedArticleModel


def patch_covariance(images: Sequence[Tensor], patches: int, seed: int) -> Tensor:
    """Returns the second moments of random 16x16 patches around mid-grey.

    Args:
        images: uint8 ``[3, H, W]`` each, sides at least 16.
        patches: Roughly how many patches to draw, spread over the images by their area.
        seed: Seed of the choice.

    Returns:
        float64 ``[768, 768]``, in the channel order of ``pixel_unshuffle``, for values in ``-0.5 .. 0.5``.
    """
    generator = torch.Generator().manual_seed(seed)
    area = sum(image.shape[1] * image.shape[2] for image in images)
    total = torch.zeros(3 * PATCH**2, 3 * PATCH**2, dtype=torch.float64)
    drawn = 0
    for image in images:
        wanted = max(1, round(patches * image.shape[1] * image.shape[2] / area))
        height, width = (side // PATCH * PATCH for side in image.shape[1:])
        grid = F.pixel_unshuffle(image[None, :, :height, :width].float() / 255.0 - 0.5, PATCH)
        vectors = grid.flatten(2)[0].T
        chosen = vectors[torch.randperm(len(vectors), generator=generator)[:wanted]]
        total += (chosen.T @ chosen).double()
        drawn += len(chosen)
    return total / drawn


def optimal_step(lmbda: float) -> float:
    """Returns the step that balances ``lambda * 255^2 * MSE`` against bits per pixel, in units of 1.0 = white.

    A uniform quantiser of step D has MSE ``D^2 / 12`` per coefficient and its rate falls by ``log2 D``; 0.6 accounts
    for the coefficients that are quantised to zero. There are three values per pixel.
    """
    return math.sqrt(18.0 * 0.6 / (math.log(2.0) * lmbda * 255.0**2))


@torch.no_grad()
def initialise(model: HyperpriorModel, covariance: Tensor) -> None:
    """Sets the linear path, gains and scales of an untrained model in place.

    Args:
        model: The model.
        covariance: From `patch_covariance`.
    """
    network = model.network
    values, vectors = torch.linalg.eigh(covariance)
    channels = model.config.latent_channels
    basis = vectors.flip(1)[:, :channels].float()
    std = values.flip(0)[:channels].clamp(min=1e-12).sqrt().float()
    network.g_a.klt.copy_(basis.T)
    network.g_s.klt.copy_(basis)
    for transform in (network.g_a, network.g_s):
        transform.klt_std.copy_(std)
    for anchor, lmbda in enumerate(model.config.lambdas):
        log_gain = -math.log(optimal_step(lmbda))
        network.log_gain.table[anchor] = log_gain
        network.log_inverse_gain.table[anchor] = -log_gain
        model.scales.offset.table[anchor] = std.log() + (log_gain - math.log(SCALE_MIN))
    model.scales.hyper_offset.table.fill_(math.log(1.5 / SCALE_MIN))


def untrained_model(config: TrainConfig) -> TrainableModel:
    """Builds the network of a run with random weights; `initialise` gives it a better start."""
    return SeedArticleModel(config.model) if config.network == SEED_ARTICLE else HyperpriorModel(config.model)
