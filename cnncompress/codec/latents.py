"""Image tensor to integer latents and back: everything between the pixels and the entropy coder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cnncompress.codec.stages import NoStopwatch, Stopwatch
from cnncompress.entropy.scale_walk import ScaleWalk
from cnncompress.entropy.scales import MAX_HYPER_SYMBOL, IntegerScales
from cnncompress.errors import InvalidModel
from cnncompress.model.config import HYPER_STRIDE, LEVELS_PER_NAT, PATCH, SCALE_LEVELS
from cnncompress.model.devices import fix_summation_order
from cnncompress.model.receptive_field import Margins, padded_size
from cnncompress.nn.gaussian import dead_zone, round_with_dead_zone
from cnncompress.nn.margins import pad_to_multiple
from cnncompress.nn.network import CodecNetwork
from cnncompress.nn.quality import quality_position
from cnncompress.nn.straight_through import round_half_up
from cnncompress.units import Hundredths

MAX_SYMBOL = 1 << 20
"""Largest magnitude of a latent symbol; larger ones are clamped by the encoder."""


@dataclass(frozen=True)
class Latents:
    """The integers that a file holds for one image, and the probability table of each. All on the CPU.

    Attributes:
        z: int32 ``[N, h/4, w/4]``, symbols of the hyper-latent, magnitudes up to 1023.
        z_levels: uint8 of the same shape, scale levels.
        y: int32 ``[4, M, h/2, w/2]``, symbols of the latent in coding order (`StepPartition.split`).
        y_levels: uint8 of the same shape, scale levels.
    """

    z: Tensor
    z_levels: Tensor
    y: Tensor
    y_levels: Tensor


@dataclass(frozen=True)
class RealLatents:
    """What the symbols of an image shall come close to, on the networks' device.

    Attributes:
        y: float32 ``[4, M, h/2, w/2]``, latent in coding order, in units of the base step, 1 / gain.
        z: float32 ``[1, N, h/4, w/4]``, hyper-latent.
    """

    y: Tensor
    z: Tensor


@dataclass(frozen=True)
class Quantised:
    """Symbols, and what a decoder makes of them.

    Attributes:
        latents: The symbols, on the CPU.
        means: float32 ``[4, M, h/2, w/2]``, what the symbols were rounded relative to, in coding order, on the
            networks' device.
        deltas: float32 of the same shape, what a symbol of 1 stands for, on the same device.
        y_hat: float32 ``[1, M, h, w]``, decoded latent, on the same device.
    """

    latents: Latents
    means: Tensor
    deltas: Tensor
    y_hat: Tensor


def latent_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the latent of an image, both multiples of 4."""
    padded_height, padded_width = padded_size(height, width, HYPER_STRIDE)
    return padded_height // PATCH, padded_width // PATCH


def _check_finite(x: Tensor) -> None:
    if not torch.isfinite(x).all():
        raise InvalidModel("the model's networks give no finite numbers for this image")


class LatentTransform:
    """The networks of a model, on their devices, in evaluation mode."""

    def __init__(
        self,
        network: CodecNetwork,
        scales: IntegerScales,
        device: torch.device,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        """Moves the float networks to the device.

        Args:
            network: Float networks.
            scales: Integer scale networks.
            device: Where the float networks run, in float32.
            stopwatch: Told of the stages "analysis", "hyper", "context" and "synthesis".
        """
        self.network = network.to(device).to(memory_format=torch.channels_last).eval()
        self.scales = scales
        self.device = device
        fix_summation_order()
        self.stopwatch = stopwatch or NoStopwatch()
        self._widening = dead_zone(torch.arange(SCALE_LEVELS) / LEVELS_PER_NAT).to(device)

    def position(self, quality: Hundredths) -> Tensor:
        """A quality as a place among the anchors: float32 ``[1]``, on the device."""
        return quality_position(torch.tensor([quality / 100.0]), self.network.config.anchors).to(self.device)

    @torch.inference_mode()
    def analyse(self, pixels: Tensor, quality: Hundredths, margins: Margins | None = None) -> RealLatents:
        """Maps an image, or a tile of one, to what its symbols shall come close to.

        Args:
            pixels: uint8 ``[H, W, 3]``, RGB: the image, or the window of a tile, whose sides without the margins are
                multiples of 64.
            quality: Of the file.
            margins: Of a window, in pixels; None for an image.
        """
        position = self.position(quality)
        x = pixels.to(self.device).permute(2, 0, 1)[None].float() / 255.0
        if margins is None:
            x = pad_to_multiple(x, HYPER_STRIDE)
        with self.stopwatch.stage("analysis"):
            y = self.network.analyse(x.contiguous(memory_format=torch.channels_last), position, margins)
        with self.stopwatch.stage("hyper"):
            z = self.network.hyper_analyse(y, position)
        return RealLatents(torch.cat(self.network.partition.split(y)), z)

    @torch.inference_mode()
    def at_other_quality(self, target: RealLatents, analysed_at: Hundredths, quality: Hundredths) -> RealLatents:
        """Turns what `analyse` returned at one quality into about what it returns at another, by the gains alone.

        Args:
            target: From `analyse`.
            analysed_at: The quality that it was asked for.
            quality: The other one.
        """
        position = self.position(quality)
        log_gain = self.network.log_gain
        ratio = (log_gain(position) - log_gain(self.position(analysed_at))).exp()
        y = self.network.partition.merge(list(target.y.split(1))) * ratio
        with self.stopwatch.stage("hyper"):
            z = self.network.hyper_analyse(y, position)
        return RealLatents(torch.cat(self.network.partition.split(y)), z)

    @torch.inference_mode()
    def quantise(
        self, target: RealLatents, quality: Hundredths, size: tuple[int, int], *, dead_zones: bool = True
    ) -> Quantised:
        """Rounds a target to symbols, each step's residuals as they are after the steps before.

        Args:
            target: From `analyse`, or a better one.
            quality: Of the file.
            size: Height and width of the image.
            dead_zones: Round toward zero where a symbol is expensive, and else to the nearest integer.

        Raises:
            InvalidModel: The networks overflow, as only those of a strange model can.
        """
        _check_finite(target.z)
        z = round_half_up(target.z).clamp(-MAX_HYPER_SYMBOL, MAX_HYPER_SYMBOL)
        z_symbols = z[0].int().cpu()
        walk = self.scale_walk(z_symbols, quality)
        means: list[Tensor] = []
        deltas: list[Tensor] = []

        def code(step: int, mean: Tensor, delta: Tensor) -> Tensor:
            residual = (target.y[step : step + 1] - mean) / delta
            _check_finite(residual)
            parts = []
            for part in walk.parts(step):
                own = residual[:, part.in_step]
                levels = torch.from_numpy(walk.levels()).to(self.device).long()
                widening = self._widening[levels] if dead_zones else torch.zeros_like(own)
                parts.append(round_with_dead_zone(own, widening).clamp(-MAX_SYMBOL, MAX_SYMBOL))
                walk.add(parts[-1][0].int().cpu().numpy())
            means.append(mean)
            deltas.append(delta)
            return mean + delta * torch.cat(parts, dim=1)

        with self.stopwatch.stage("context"):
            y_hat = self.network.walk_context(z, self.position(quality), code)
        symbols, y_levels = walk.coded()
        z_levels = self.hyper_levels(quality, *size)
        latents = Latents(z_symbols, z_levels, torch.from_numpy(symbols), torch.from_numpy(y_levels))
        return Quantised(latents, torch.cat(means), torch.cat(deltas), y_hat)

    def encode(self, pixels: Tensor, quality: Hundredths) -> Latents:
        """Maps an image to its symbols.

        Args:
            pixels: uint8 ``[H, W, 3]``, RGB.
            quality: Of the file.

        Returns:
            The symbols, on the CPU.
        """
        height, width, _ = pixels.shape
        return self.quantise(self.analyse(pixels, quality), quality, (height, width)).latents

    @torch.inference_mode()
    def decode_latent(self, latents: Latents, quality: Hundredths) -> Tensor:
        """Maps symbols to the decoded latent.

        Args:
            latents: The symbols.
            quality: Of the file.

        Returns:
            float32 ``[1, M, h, w]``, on the networks' device.
        """
        z = latents.z.to(self.device).float()[None]
        y = latents.y.to(self.device).float()

        def code(step: int, mean: Tensor, delta: Tensor) -> Tensor:
            return mean + delta * y[step : step + 1]

        with self.stopwatch.stage("context"):
            return self.network.walk_context(z, self.position(quality), code)

    @torch.inference_mode()
    def synthesise(
        self, y_hat: Tensor, height: int, width: int, quality: Hundredths, margins: Margins | None = None
    ) -> Tensor:
        """Maps a decoded latent to the image.

        Args:
            y_hat: float32 ``[1, M, h, w]``, of the image, or of the window of a tile.
            height: Rows of the image or tile.
            width: Columns of the image or tile.
            quality: Of the file.
            margins: Of a window, in latent positions; None for an image.

        Returns:
            uint8 ``[height, width, 3]``, RGB, on the CPU.
        """
        with self.stopwatch.stage("synthesis"):
            x_hat = self.network.synthesise(y_hat, self.position(quality), margins)
            return _samples(x_hat[0, :, :height, :width])

    @torch.inference_mode()
    def preview(self, y_hat: Tensor, factor: int, quality: Hundredths) -> Tensor:
        """Maps a decoded latent to a small image, without the convolutions; docs/LARGE.md says how good it is.

        Args:
            y_hat: float32 ``[1, M, h, w]``.
            factor: How many pixels become one, along each side; divides 16.
            quality: Of the file.

        Returns:
            uint8 ``[16h / factor, 16w / factor, 3]``, RGB, on the CPU.
        """
        with self.stopwatch.stage("synthesis"):
            return _samples(self.network.preview(y_hat, self.position(quality), factor)[0])

    @torch.inference_mode()
    def hyper_levels(self, quality: Hundredths, height: int, width: int) -> Tensor:
        """Scale level of every hyper-latent symbol of an image: uint8 ``[N, h/4, w/4]``."""
        rows, columns = latent_size(height, width)
        levels = torch.from_numpy(self.scales.hyper_levels(quality))
        return levels[:, None, None].expand(-1, rows // 4, columns // 4)

    def scale_walk(self, z: Tensor, quality: Hundredths) -> ScaleWalk:
        """Begins to compute the scale levels of the latent's symbols, part by part.

        Args:
            z: int32 ``[N, h/4, w/4]``, on the CPU.
            quality: Of the file.
        """
        with self.stopwatch.stage("hyper"):
            return ScaleWalk(self.scales, z.numpy(), quality)


def _samples(x_hat: Tensor) -> Tensor:
    """Rounds ``[3, H, W]``, nominally 0 .. 1, to uint8 ``[H, W, 3]`` on the CPU."""
    return round_half_up(x_hat.permute(1, 2, 0) * 255.0).clamp(0, 255).to(torch.uint8).cpu()
