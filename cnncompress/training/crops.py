"""Training crops, cut out and changed on the device that trains.

The images stay in that device's memory as they were decoded. The host draws the random numbers and never waits for the
device: all of a batch is queued, a copy per crop and then one operation for many of them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms_functional

from cnncompress.training.config import Augmentation

LUMA = (0.299, 0.587, 0.114)


class RandomCrops:
    """Augmented crops for any step of a run, larger images proportionally more often.

    A batch depends on the images, the seed and the number of the step alone, so a resumed run sees what it would have
    seen.

    Half of the crops stay at the original scale, whose statistics the codec will meet most. The others are scaled down,
    by one factor per batch, so that they are resized together; images too small for that factor take no part in them.
    """

    def __init__(self, images: Iterable[Tensor], device: torch.device, augmentation: Augmentation, seed: int) -> None:
        """Copies the images to the device.

        Args:
            images: uint8 ``[3, H, W]`` each; those that are on the device already are not copied.
            device: Where the crops are made.
            augmentation: Random changes.
            seed: Seed of everything random.
        """
        self.images = [image.to(device) for image in images]
        self.areas = np.array([image.shape[1] * image.shape[2] for image in self.images], dtype=float)
        self.short_sides = np.array([min(image.shape[1:]) for image in self.images])
        self.device = device
        self.augmentation = augmentation
        self.seed = seed
        self.luma = torch.tensor(LUMA, device=device)
        self.identity = torch.eye(3, device=device)

    def batch(self, count: int, side: int, step: int) -> Tensor:
        """Makes the crops of one step.

        Args:
            count: How many, at least 1; those scaled down come last.
            side: Their side in pixels; smaller images are padded by their edge.
            step: Number of the step, from 0.

        Returns:
            float32 ``[count, 3, side, side]`` in channels-last order, on the device: whole 255ths in ``0 .. 1``.
        """
        rng = np.random.default_rng((self.seed, step))
        scaled = (count + int(rng.integers(2))) // 2
        parts = []
        if scaled < count:
            parts.append(self._cut(count - scaled, side, self.areas, rng))
        if scaled:
            factor = 1.0 + (self.augmentation.max_downscale - 1.0) * rng.random()
            window = max(side, min(round(side * factor), int(self.short_sides.max())))
            fits = self.short_sides >= window
            larger = self._cut(scaled, window, self.areas * fits if fits.any() else self.areas, rng)
            parts.append(transforms_functional.resize(larger, [side, side], antialias=True))
        pixels = torch.cat(parts).float()
        self._jitter_some(pixels, rng)
        return pixels.div_(255.0).contiguous(memory_format=torch.channels_last)

    def _cut(self, count: int, side: int, weights: NDArray[np.float64], rng: np.random.Generator) -> Tensor:
        """Cuts uint8 ``[count, 3, side, side]`` from images chosen by weight, flipped at random."""
        crops = []
        for index in rng.choice(len(weights), count, p=weights / weights.sum()):
            image = self.images[index]
            missing = [max(side - length, 0) for length in image.shape[1:]]
            if any(missing):
                image = transforms_functional.pad(image, [0, 0, missing[1], missing[0]], padding_mode="edge")
            top, left = (int(rng.integers(length - side + 1)) for length in image.shape[1:])
            crop = image[:, top : top + side, left : left + side]
            if rng.random() < 0.5 * self.augmentation.transpose:
                crop = crop.transpose(1, 2)
            crops.append(crop.flip([axis for axis in (1, 2) if rng.random() < 0.5]))
        return torch.stack(crops)

    def _jitter_some(self, pixels: Tensor, rng: np.random.Generator) -> None:
        """Changes the colours of some of ``[B, 3, H, W]`` in ``0 .. 255``, in place."""
        strength = self.augmentation.colour_jitter
        chosen = np.flatnonzero(rng.random(len(pixels)) < self.augmentation.colour_jitter_probability)
        if strength == 0.0 or not len(chosen):
            return
        factors = 1.0 + strength * rng.uniform(-1.0, 1.0, (3, len(chosen)))
        # From pageable memory too the driver has taken the values when the call returns, so that not to block is safe;
        # a blocking copy would wait for everything queued before it.
        index = torch.from_numpy(chosen).to(self.device, non_blocking=True)
        table = torch.from_numpy(factors.astype(np.float32)).to(self.device, non_blocking=True)
        changed = self._jitter(pixels.index_select(0, index), *table.unbind())
        # Eight bits again, as what the codec will meet: values in between would be easier to code.
        pixels.index_copy_(0, index, changed.round_().clamp_(0.0, 255.0))

    def _jitter(self, pixels: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
        """Changes saturation, contrast around the crop's mean grey and brightness by one affine map of RGB per crop.

        Args:
            pixels: float32 ``[B, 3, H, W]`` in ``0 .. 255``.
            brightness: float32 ``[B]``, a factor, as are the others; 1 changes nothing.
            contrast: The same for differences from the mean.
            saturation: The same for differences from grey.

        Returns:
            float32 of the same shape, not clamped.
        """
        flat = pixels.flatten(2)
        gain = brightness * contrast
        grey = (1.0 - saturation)[:, None, None] * self.luma
        matrix = gain[:, None, None] * (saturation[:, None, None] * self.identity + grey)
        offset = brightness * (1.0 - contrast) * (flat.mean(2) @ self.luma)
        return torch.baddbmm(offset[:, None, None], matrix, flat).view_as(pixels)
