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

from cnncompress.nn.config import PATCH, SCALE_MIN
from cnncompress.nn.hyperprior import HyperpriorModel


def patch_covariance(images: Sequence[Tensor], patches: int, seed: int, patch: int = PATCH) -> Tensor:
    """Second moments of random 16x16 patches around mid-grey.

    Args:
        images: uint8 ``[3, H, W]`` each, sides at least 16.
        patches: Roughly how many patches to draw, spread over the images by their area.
        seed: Seed of the choice.

    Returns:
        float64 ``[768, 768]``, in the channel order of ``pixel_unshuffle``, for values in ``-0.5 .. 0.5``.
    """
    generator = torch.Generator().manual_seed(seed)
    area = sum(image.shape[1] * image.shape[2] for image in images)
    total = torch.zeros(3 * patch**2, 3 * patch**2, dtype=torch.float64)
    drawn = 0
    for image in images:
        wanted = max(1, round(patches * image.shape[1] * image.shape[2] / area))
        height, width = (side // patch * patch for side in image.shape[1:])
        grid = F.pixel_unshuffle(image[None, :, :height, :width].float() / 255.0 - 0.5, patch)
        vectors = grid.flatten(2)[0].T
        chosen = vectors[torch.randperm(len(vectors), generator=generator)[:wanted]]
        total += (chosen.T @ chosen).double()
        drawn += len(chosen)
    return total / drawn


def optimal_step(lmbda: float) -> float:
    """Quantisation step that balances ``lambda * 255^2 * MSE`` against bits per pixel, in units of 1.0 = white.

    A uniform quantiser of step D has MSE ``D^2 / 12`` per coefficient and its rate falls by ``log2 D``; 0.6 accounts
    for the coefficients that are quantised to zero. There are three values per pixel.
    """
    return math.sqrt(18.0 * 0.6 / (math.log(2.0) * lmbda * 255.0**2))


def lapped_extension() -> Tensor:
    """Orthonormal time-domain lapped pre-filter: 24x24 windows to 16x16 blocks (Tran, Liang and Tu 2003).

    Returns:
        float64 ``[768, 1728]``.
    """
    n = torch.arange(4, dtype=torch.float64)
    second = torch.cos(math.pi * (2 * n[None] + 1) * n[:, None] / 8) * math.sqrt(0.5)
    second[0] *= math.sqrt(0.5)
    fourth = torch.cos(math.pi * (2 * n[None] + 1) * (2 * n[:, None] + 1) / 16) * math.sqrt(0.5)
    eye = torch.eye(4, dtype=torch.float64)
    flip = eye.flip(0)
    inner = flip @ second.T @ fourth @ flip
    butterfly = torch.cat([torch.cat([eye, flip], 1), torch.cat([flip, -eye], 1)])
    filtered = 0.5 * butterfly @ torch.block_diag(eye, inner) @ butterfly
    line = torch.zeros(16, 24, dtype=torch.float64)
    line[:4, :8] = filtered[4:]
    line[4:12, 8:16] = torch.eye(8, dtype=torch.float64)
    line[12:, 16:] = filtered[:4]
    square = torch.kron(line, line)
    return torch.block_diag(square, square, square)


def haar_matrix() -> Tensor:
    """Orthonormal three-level 2-D Haar transform of an 8x8 patch, three channels: float64 ``[192, 192]``."""
    line = torch.ones(1, 1, dtype=torch.float64)
    while len(line) < 8:
        low = torch.kron(line, torch.tensor([[1.0, 1.0]], dtype=torch.float64))
        high = torch.kron(torch.eye(len(line), dtype=torch.float64), torch.tensor([[1.0, -1.0]], dtype=torch.float64))
        line = torch.cat([low, high]) * math.sqrt(0.5)
    square = torch.kron(line, line)
    return torch.block_diag(square, square, square)


@torch.no_grad()
def set_patch_basis(model: HyperpriorModel, covariance: Tensor) -> None:
    """Sets the basis of the stem's 8x8 patches, whitened.

    Args:
        model: The model, with ``patch_basis`` "haar" or "klt".
        covariance: Of 8x8 patches, float64 ``[192, 192]``.
    """
    rotation = haar_matrix() if model.config.patch_basis == "haar" else torch.linalg.eigh(covariance)[1].flip(1).T
    std = torch.diagonal(rotation @ covariance @ rotation.T).sqrt()
    analysis = rotation / std[:, None]
    synthesis = rotation.T * std
    # A hidden layer of the size it has with raw pixels.
    model.network.g_a.stem[1].matrix.copy_(analysis * covariance.trace().div(192).sqrt())
    model.network.g_s.body[-2].matrix.copy_(synthesis / covariance.trace().div(192).sqrt())


@torch.no_grad()
def initialise(model: HyperpriorModel, covariance: Tensor) -> None:
    """Sets the linear path, gains and scales of an untrained model in place.

    Args:
        model: The model.
        covariance: From `patch_covariance`.
    """
    network = model.network
    overlap = torch.eye(len(covariance), dtype=torch.float64)
    if model.config.klt_window == 24:
        overlap = lapped_extension()
        covariance = overlap @ covariance @ overlap.T
    values, vectors = torch.linalg.eigh(covariance)
    channels = model.config.latent_channels
    basis = (vectors.flip(1)[:, :channels].T @ overlap).float()
    std = values.flip(0)[:channels].clamp(min=1e-12).sqrt().float()
    network.g_a.klt.copy_(basis)
    network.g_s.klt.copy_(basis)
    for transform in (network.g_a, network.g_s):
        transform.klt_std.copy_(std)
    for anchor, lmbda in enumerate(model.config.lambdas):
        log_gain = -math.log(optimal_step(lmbda))
        network.log_gain.table[anchor] = log_gain
        network.log_inverse_gain.table[anchor] = -log_gain
        model.scales.offset.table[anchor] = std.log() + (log_gain - math.log(SCALE_MIN))
    model.scales.hyper_offset.table.fill_(math.log(1.5 / SCALE_MIN))
