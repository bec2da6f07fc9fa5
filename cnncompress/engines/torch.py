"""The float networks in torch: on CUDA and MPS devices, and on a CPU for reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cnncompress.engines.interface import ContextWalk
from cnncompress.engines.names import Precision
from cnncompress.engines.torch_devices import fix_summation_order
from cnncompress.model.config import PATCH
from cnncompress.model.receptive_field import WHOLE_IMAGE, Margins
from cnncompress.nn.blocks import pointwise
from cnncompress.nn.network import CodecNetwork, MeanWalk
from cnncompress.nn.quality import quality_position
from cnncompress.nn.straight_through import round_half_up
from cnncompress.units import Hundredths

_PIXELS_AT_ONCE = 1 << 22
"""Pixels of a batch on a GPU; a single small image would leave most of it idle. Feature maps take about 600 MB."""


class TorchEngine:
    """Runs the float networks of a model, see `cnncompress.engines.interface.Engine`. Its arrays are tensors.

    Tensors stay on the device, and a batch is run in one call.

    Attributes:
        network: The networks, on the device.
        torch_device: The device.
    """

    name = "torch"

    def __init__(
        self,
        network: CodecNetwork,
        device: torch.device,
        precision: Precision = "fp32",
        pixels_at_once: int | None = None,
    ) -> None:
        """Moves the networks to a device.

        Args:
            network: Float networks.
            device: The device.
            precision: Number format; ``auto`` is fp32 on every device, so that files do not depend on the device.
            pixels_at_once: Largest number of pixels of a batch; by default 4 megapixels on a GPU. 0, the default on a
                CPU, disables batches.
        """
        fix_summation_order()
        self.config = network.config
        self.torch_device = device
        self.device = str(device)
        self.threads = torch.get_num_threads()
        on_cpu = device.type == "cpu"
        self.pixels_at_once = (0 if on_cpu else _PIXELS_AT_ONCE) if pixels_at_once is None else pixels_at_once
        self.network = network.to(device).to(memory_format=torch.channels_last).eval()
        self._bfloat16 = precision == "bf16"

    def use_one_thread(self) -> None:
        """Sets torch's number of threads, which applies to the whole process."""
        torch.set_num_threads(1)
        self.threads = 1

    def analyse(self, pixels: NDArray[np.uint8], quality: Hundredths, margins: Margins = WHOLE_IMAGE) -> Tensor:
        """Maps pixels to their scaled latent."""
        with self._computing():
            x = torch.tensor(pixels, device=self.torch_device).permute(0, 3, 1, 2).float() / 255.0
            x = x.contiguous(memory_format=torch.channels_last)
            return self.network.analyse(x, self._position(quality), margins)

    def hyper_analyse(self, y: Tensor, quality: Hundredths) -> NDArray[np.float32]:
        """Maps a scaled latent to the hyper-latent before rounding."""
        with self._computing():
            return _to_numpy(self.network.hyper_analyse(y, self._position(quality)))

    def walk(self, z: NDArray[np.int32], quality: Hundredths) -> ContextWalk:
        """Starts the coding steps."""
        with self._computing():
            z_hat = torch.tensor(z, device=self.torch_device).float()
            return _Walk(self, MeanWalk(self.network, z_hat, self._position(quality)))

    def synthesise(self, y: Tensor, quality: Hundredths, margins: Margins = WHOLE_IMAGE) -> NDArray[np.uint8]:
        """Maps a decoded latent to pixels."""
        with self._computing():
            return _samples(self.network.synthesise(y, self._position(quality), margins))

    def preview(self, y: Tensor, factor: int, quality: Hundredths) -> NDArray[np.uint8]:
        """Maps a decoded latent to a small image by the linear path alone."""
        with self._computing():
            return _samples(self.network.preview(y, self._position(quality), factor))

    def split(self, y: Tensor) -> Tensor:
        """Reorders a latent into the coding steps."""
        with self._computing():
            return torch.stack(self.network.partition.split(y), dim=1)

    def merge(self, steps: Tensor) -> Tensor:
        """Inverse of `split`."""
        with self._computing():
            return self.network.partition.merge(list(steps.unbind(1)))

    def at_other_quality(self, y: Tensor, analysed_at: Hundredths, quality: Hundredths) -> Tensor:
        """Rescales a latent by the ratio of two qualities' gains."""
        with self._computing():
            log_gain = self.network.log_gain
            difference: Tensor = log_gain(self._position(quality)) - log_gain(self._position(analysed_at))
            return y * difference.exp()

    def zeros(self, count: int, height: int, width: int) -> Tensor:
        """Latents of zeros."""
        size = (count, self.config.latent_channels, height, width)
        return torch.zeros(size, device=self.torch_device).contiguous(memory_format=torch.channels_last)

    def to_numpy(self, x: Tensor) -> NDArray[np.float32]:
        """Converts a tensor to an array."""
        return _to_numpy(x)

    def from_numpy(self, x: NDArray[np.float32]) -> Tensor:
        """Converts an array to a tensor on the device."""
        return torch.tensor(x, device=self.torch_device)

    def linear_gradient(self, slopes: NDArray[np.float32], quality: Hundredths) -> Tensor:
        """Maps a gradient with respect to samples to one with respect to the scaled latent."""
        with self._computing(), torch.autocast(self.torch_device.type, enabled=False):
            by_sample = torch.tensor(slopes, device=self.torch_device).permute(0, 3, 1, 2)
            matrix = self.network.g_s.klt * self._inverse_gain(quality)
            return pointwise(F.pixel_unshuffle(by_sample, PATCH), matrix.T.contiguous())

    def linear_norms(self, quality: Hundredths) -> NDArray[np.float32]:
        """Returns the squared error of the image for an error of 1 in each channel of the scaled latent."""
        with self._computing():
            return _to_numpy(self.network.g_s.klt.square().sum(0) * self._inverse_gain(quality).square())

    def _position(self, quality: Hundredths) -> Tensor:
        """Converts a quality to a position between the anchors, ``[1]``."""
        return quality_position(torch.tensor([quality / 100.0]), self.config.anchors).to(self.torch_device)

    def _inverse_gain(self, quality: Hundredths) -> Tensor:
        """Factors that the synthesis applies to the channels of the scaled latent, ``[M]``."""
        gain: Tensor = self.network.log_inverse_gain(self._position(quality)).exp().flatten()
        return gain

    @contextmanager
    def _computing(self) -> Iterator[None]:
        bfloat16 = torch.autocast(self.torch_device.type, dtype=torch.bfloat16, enabled=self._bfloat16)
        with torch.inference_mode(), bfloat16:
            yield


class _Walk:
    """The coding steps of a batch."""

    def __init__(self, engine: TorchEngine, walk: MeanWalk) -> None:
        self._engine = engine
        self._walk = walk

    def residuals(self, latent: Tensor) -> NDArray[np.float32]:
        """Residuals of the current step, in units of the step size."""
        with self._engine._computing():
            step = len(self._walk.means) - 1
            return _to_numpy((latent[:, step] - self._walk.means[step]) / self._walk.deltas[step])

    def decode(self, symbols: NDArray[np.int32]) -> None:
        """Decodes the current step from its symbols, and moves to the next step."""
        with self._engine._computing():
            step = len(self._walk.means) - 1
            steps = torch.tensor(symbols, device=self._engine.torch_device).float()
            self._walk.advance(self._walk.means[step] + self._walk.deltas[step] * steps)

    def latent(self) -> Tensor:
        """The decoded latent."""
        with self._engine._computing():
            return self._walk.latent()

    def means(self) -> Tensor:
        """Means of all steps."""
        return torch.stack(self._walk.means, dim=1)

    def deltas(self) -> Tensor:
        """Quantisation step sizes of all steps."""
        return torch.stack(self._walk.deltas, dim=1)


def _to_numpy(x: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = x.float().contiguous().cpu().numpy()
    return array


def _samples(x_hat: Tensor) -> NDArray[np.uint8]:
    """Rounds ``[B, 3, H, W]``, nominally 0 .. 1, to uint8 ``[B, H, W, 3]``."""
    samples = round_half_up(x_hat.permute(0, 2, 3, 1) * 255.0).clamp(0, 255).to(torch.uint8)
    array: NDArray[np.uint8] = samples.contiguous().cpu().numpy()
    return array
