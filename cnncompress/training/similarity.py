"""Multi-scale structural similarity that gradients pass through.

Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment" (2003):
https://doi.org/10.1109/ACSSC.2003.1292216
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from cnncompress.codec.refinement.distortion import LUMA
from cnncompress.codec.refinement.ms_ssim import SMALLEST_TERM
from cnncompress.images.ssim_window import SCALE_WEIGHTS, SIGMA, STABILISERS, WINDOW

FULL_SIDE = 176
"""The shorter side holds the window at the coarsest of five scales: 11 * 2**4 pixels."""


def luma(x: Tensor) -> Tensor:
    """Returns the luma of ITU-R BT.709.

    Args:
        x: ``[B, 3, H, W]``, RGB.

    Returns:
        ``[B, 1, H, W]`` in the same range.
    """
    weights = torch.as_tensor(LUMA, device=x.device).view(-1, 1, 1)
    return (weights * x).sum(1, keepdim=True)


def ms_ssim(x: Tensor, x_hat: Tensor) -> Tensor:
    """Returns the similarity of each channel of each sample.

    Five scales with 2x2 average pooling between them; Gaussian windows of 11 taps and sigma 1.5 where all of a window
    lies inside the image. Crops with a side below `FULL_SIDE` have as many scales as hold a window, four at 128 pixels
    and three at 64, with the others' share of the weight. It is computed in the precision of the arguments, without
    autocast.

    Args:
        x: float32 ``[B, C, H, W]``, the original, ``0 .. 1``; H and W at least 11.
        x_hat: float32 of the same shape, the reconstruction; it may leave ``0 .. 1``.

    Returns:
        float32 ``[B, C]``; 1 for identical images.

    Raises:
        ValueError: The images are too small.
    """
    weights = [weight for scale, weight in enumerate(SCALE_WEIGHTS) if min(x.shape[-2:]) >> scale >= WINDOW]
    if not weights:
        raise ValueError(f"MS-SSIM of {x.shape[-1]}x{x.shape[-2]}: sides must be {WINDOW} or more")
    total = sum(weights) / sum(SCALE_WEIGHTS)
    result = torch.ones(x.shape[:2], dtype=x.dtype, device=x.device)
    with torch.autocast(x.device.type, enabled=False):
        for scale, weight in enumerate(weights):
            if scale:
                x, x_hat = F.avg_pool2d(x, 2), F.avg_pool2d(x_hat, 2)
            luminance, contrast_structure = _terms(x, x_hat)
            term = luminance * contrast_structure if scale + 1 == len(weights) else contrast_structure
            result = result * term.mean((2, 3)).clamp_min(SMALLEST_TERM) ** (weight / total)
    return result


def _terms(x: Tensor, x_hat: Tensor) -> tuple[Tensor, Tensor]:
    """Returns luminance and contrast-structure at each place of the window."""
    c1, c2 = STABILISERS
    rows, columns = (_band(side, x) for side in x.shape[-2:])

    def blur(planes: Tensor) -> Tensor:
        """Returns Gaussian means of ``[..., H, W]`` wherever the window fits.

        On a CPU two products with banded matrices take an eighth of the time of a convolution, whose one channel leaves
        the vector units idle.
        """
        return rows @ (planes @ columns.T)

    # The original is apart, so that no gradient is computed for it.
    mean = blur(x)
    mean_hat, squares, product = blur(torch.stack([x_hat, x.square() + x_hat.square(), x * x_hat]))
    mean_squares, mean_product = mean.square() + mean_hat.square(), mean * mean_hat
    luminance = (2 * mean_product + c1) / (mean_squares + c1)
    contrast_structure = (2 * (product - mean_product) + c2) / (squares - mean_squares + c2)
    return luminance, contrast_structure


def _band(side: int, like: Tensor) -> Tensor:
    """Returns ``[side - 10, side]``: the window at each place of a line."""
    places = side - WINDOW + 1
    distance = torch.arange(WINDOW, dtype=like.dtype, device=like.device) - WINDOW // 2
    window = torch.exp(distance.square() / (-2 * SIGMA**2))
    # One more than a line, so that in rows of a line each one's window begins a place further right.
    period = torch.cat([window / window.sum(), window.new_zeros(places)])
    return period.repeat(places)[: places * side].view(places, side)
