"""Figures about a run: running means by quality, and validation on held-out images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from cnncompress.nn.quality import lambda_at
from cnncompress.training.data import middle
from cnncompress.training.hyperprior import TrainableModel
from cnncompress.training.loss import RateDistortion, rate_distortion
from cnncompress.training.objective import MSE, Objective

VALIDATION_CROP = 256


class QualityMeter:
    """Means of loss, bpp and PSNR by quality, kept on the device so that no step waits for the host."""

    def __init__(self, anchors: int, device: torch.device, bins: int = 8) -> None:
        """Starts empty.

        Args:
            anchors: Number of anchor qualities.
            device: Where the batches are.
            bins: Equal parts of the quality range.
        """
        self.scale = bins / (anchors - 1)
        self.bins = bins
        self.sums = torch.zeros(bins, 3, device=device)
        self.loss = torch.zeros(2, device=device)

    @torch.no_grad()
    def add(self, position: Tensor, result: RateDistortion) -> None:
        """Adds a batch."""
        index = (position * self.scale).long().clamp(0, self.bins - 1)
        rows = torch.stack([torch.ones_like(result.bpp), result.bpp, result.psnr], dim=1)
        self.sums.index_add_(0, index, rows)
        self.loss += torch.stack([result.loss, torch.ones_like(result.loss)])

    def read(self) -> tuple[float, str]:
        """Returns the mean loss and a text ``bpp/PSNR`` per quality bin, since the last reading."""
        count, bpp, psnr = self.sums.T.tolist()
        total, batches = self.loss.tolist()
        self.sums.zero_()
        self.loss.zero_()
        cells = [f"{b / n:.3f}/{p / n:.2f}" for n, b, p in zip(count, bpp, psnr, strict=True) if n]
        return total / max(batches, 1.0), " ".join(cells)


@dataclass(frozen=True)
class Validation:
    """Mean rate and distortion of held-out images at each anchor quality.

    Attributes:
        loss: Unweighted ``lambda * distortion + bpp``, of the run's objective.
        bpp: Estimated bits per pixel.
        psnr: In dB, the mean over the images.
    """

    loss: tuple[float, ...]
    bpp: tuple[float, ...]
    psnr: tuple[float, ...]

    def __str__(self) -> str:
        """One line: the mean loss, and bpp / PSNR at each anchor."""
        cells = (f"{bpp:.4f}/{psnr:.3f}" for bpp, psnr in zip(self.bpp, self.psnr, strict=True))
        return f"validation loss {fmean(self.loss):.4f} " + " ".join(cells)


@torch.no_grad()
def validate(
    model: TrainableModel, images: Iterable[Tensor], device: torch.device, objective: Objective = MSE
) -> Validation | None:
    """Codes the centre of each image at every anchor quality, as the codec will.

    Rounding is real, with the encoder's dead zones, and the scale network simulates integers.

    Args:
        model: The model, on ``device``.
        images: uint8 ``[3, H, W]`` each; those smaller than 256x256 are left out.
        device: Where to run, in float32.
        objective: The distortion in the loss.

    Returns:
        The means; None if no image is large enough.
    """
    crops = [middle(image, VALIDATION_CROP) for image in images if min(image.shape[1:]) >= VALIDATION_CROP]
    if not crops:
        return None
    x = (torch.stack(crops).float() / 255.0).to(device)
    model.eval()
    rows = []
    for anchor in range(model.config.anchors):
        parts = []
        for part in x.split(4):
            position = torch.full((len(part),), float(anchor), device=device)
            output = model(part, position, simulate_integers=True)
            lmbda = lambda_at(model.config.lambdas, position)
            parts.append(rate_distortion(part, output, lmbda, 0.0, objective))
        loss = torch.stack([part.loss for part in parts])
        bpp = torch.cat([part.bpp for part in parts])
        psnr = torch.cat([part.psnr for part in parts])
        rows.append((float(loss.mean()), float(bpp.mean()), float(psnr.mean())))
    return Validation(*zip(*rows, strict=True))
