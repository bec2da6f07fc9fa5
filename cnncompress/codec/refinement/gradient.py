"""How the cost of an image changes with each symbol and each element of its decoded latent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cnncompress.codec.latents import LatentTransform, Quantised
from cnncompress.entropy.scales import IntegerScales
from cnncompress.model.config import LEVELS_PER_NAT
from cnncompress.model.receptive_field import Margins
from cnncompress.nn.margins import trimmed
from cnncompress.nn.twin_layers import nats_to_table
from cnncompress.nn.twin_scales import ScaleSynthesis
from cnncompress.units import Hundredths


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether a device computes bfloat16 natively."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Releases of torch before 2.9 do not tell.
        capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def twin_of(integers: IntegerScales, device: torch.device) -> ScaleSynthesis:
    """Builds the differentiable twin of the integer scale networks."""
    # What it is initialised with is replaced at once: the caller's generator is left alone.
    with torch.random.fork_rng(devices=[]):
        twin = ScaleSynthesis(integers.config)
    twin.load_integers(integers)
    return twin.to(device).requires_grad_(False)


@dataclass(frozen=True)
class Surroundings:
    """What the synthesis transform sees around the latent that is refined: nothing for a whole image.

    Attributes:
        y_hat: float32 ``[1, M, h, w]``, a window of decoded latents; those in the core do not count.
        margins: What of it lies around the core, in latent positions.
    """

    y_hat: Tensor
    margins: Margins

    def around(self, core: Tensor) -> Tensor:
        """Puts a decoded latent into the core."""
        left, top, right, bottom = (margin.extent for margin in self.margins)
        if not (left or top or right or bottom):
            return core
        rows, columns = core.shape[-2:]
        frame = self.y_hat.clone()
        frame[..., top : top + rows, left : left + columns] = 0.0
        return frame + F.pad(core, (left, right, top, bottom))


def _from_bytes(pixels: Tensor, device: torch.device) -> Tensor:
    """uint8 ``[H, W, 3]`` as float32 ``[1, 3, H, W]`` in ``0 .. 1``."""
    return pixels.to(device).permute(2, 0, 1)[None].float() / 255.0


@dataclass(frozen=True)
class RateSlopes:
    """How the bits of each symbol change, float32 ``[4, M, h/2, w/2]`` both: so the gradient sees means and scales.

    Attributes:
        symbols: Bits more if the symbol were larger by 1.
        levels: Bits more if its scale level were.
    """

    symbols: Tensor
    levels: Tensor


@dataclass(frozen=True)
class Gradients:
    """How the cost changes, in bits, apart from what a symbol itself costs, which is looked up and not extrapolated.

    Attributes:
        y: float32 ``[4, M, h/2, w/2]``, by symbols, as far as they move the decoded latent, in coding order.
        surprise: float32 of the same shape, by the surprise that a symbol is to the scale context.
        z: float32 ``[1, N, h/4, w/4]``, by symbols of the hyper-latent.
    """

    y: Tensor
    surprise: Tensor
    z: Tensor


class CostGradient:
    """Gradient of the cost of one image at one quality."""

    def __init__(
        self,
        transform: LatentTransform,
        scales: ScaleSynthesis,
        original: Tensor,
        surroundings: Surroundings,
        quality: Hundredths,
        bits_per_square: float,
    ) -> None:
        """Prepares what all gradients share.

        Args:
            transform: The networks.
            scales: Twin of the integer scale networks.
            original: uint8 ``[H, W, 3]``.
            surroundings: Of its latent.
            quality: Of the file.
            bits_per_square: Bits that a squared error of 1 (white) at one value of the image is worth.
        """
        self._transform = transform
        self._scales = scales
        self._position = transform.position(quality)
        self._original = _from_bytes(original, transform.device)
        self._surroundings = surroundings
        self._bits_per_square = bits_per_square
        self._fast = bfloat16_is_fast(transform.device)

    @torch.no_grad()
    def curvature(self) -> Tensor:
        """Half the second derivative of the distortion, from the norms of the synthesis transform's linear path.

        The second derivatives of all but its restoration filter come near them; off-diagonal ones are left out.

        Returns:
            float32 ``[4, M, 1, 1]``, bits per square of a base step, in coding order.
        """
        network = self._transform.network
        step = network.log_inverse_gain(self._position).exp()
        norms = network.g_s.klt.square().sum(0)[None, :, None, None]
        return self._bits_per_square * torch.cat(network.partition.split_channels(step.square() * norms))

    def __call__(
        self, coded: Quantised, pixels: Tensor | None = None, *, linear: bool = False, slopes: RateSlopes | None = None
    ) -> Gradients:
        """Takes the gradient.

        Args:
            coded: Where to take it.
            pixels: uint8 ``[H, W, 3]``, what a decoder makes of it. If that is not known the network has to be run, and
                is seen in any case.
            linear: Whether the distortion's goes through the linear path of the synthesis transform alone; else through
                its network, but for the restoration filter.
            slopes: Without them nothing is seen of the rate.
        """
        device = self._transform.device
        symbols = coded.latents.y.to(device).float()
        decoded = (coded.means + coded.deltas * symbols).requires_grad_()
        z_hat = coded.latents.z.to(device).float()[None].requires_grad_()
        with torch.enable_grad(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=self._fast):
            cost = self._distortion(decoded, linear, pixels)
            surprises: list[Tensor] = []
            if slopes is not None:
                level_bits, surprises = self._bits_of_levels(symbols, z_hat, slopes.levels)
                cost = cost + self._bits_of_means(decoded, z_hat, slopes.symbols / coded.deltas) + level_bits
            # Not all of them have one: nothing comes after the last part.
            inputs = (decoded, z_hat, *surprises)
            y, z, *others = torch.autograd.grad(cost, inputs, allow_unused=True, materialize_grads=True)
        surprise = torch.cat(others, dim=1).view_as(y) if others else torch.zeros_like(y)
        return Gradients(coded.deltas * y, surprise, z)

    def _distortion(self, decoded: Tensor, linear: bool, pixels: Tensor | None) -> Tensor:
        """Surrogate with the distortion's gradient: sum(dD/dx * x), dD/dx held fixed."""
        core = self._transform.network.partition.merge(list(decoded.split(1)))
        known = None if pixels is None else _from_bytes(pixels, self._transform.device)
        if known is None or not linear:
            samples, x_hat = self._through_network(core, known)
        else:
            samples, x_hat = self._transform.network.preview(core, self._position, factor=1), known
        height, width = self._original.shape[2:]
        slope = 2.0 * self._bits_per_square * (x_hat[..., :height, :width] - self._original)
        return (slope * samples[..., :height, :width]).sum()

    def _through_network(self, core: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
        """Samples with their gradient, and what they come to; the latter without gradient, computed if not known."""
        network, surroundings = self._transform.network, self._surroundings
        y_hat = network.unscaled(surroundings.around(core), self._position)
        unrestored, margins = network.g_s.unrestored(y_hat, self._position, surroundings.margins)
        if known is None:
            with torch.no_grad():
                known = network.g_s.restored(unrestored, self._position, margins).clamp(0.0, 1.0)
        # Without the restoration filter's derivative the search is faster and, as measured, finds slightly more.
        return trimmed(unrestored, margins), known

    def _bits_of_means(self, decoded: Tensor, z_hat: Tensor, slopes: Tensor) -> Tensor:
        """What the symbols cost as far as their means change it; slopes in bits per base step."""
        means: list[Tensor] = []

        def code(step: int, mean: Tensor, delta: Tensor) -> Tensor:
            means.append(mean)
            return decoded[step : step + 1]

        self._transform.network.walk_context(z_hat, self._position, code)
        # A symbol is what is left of the target after its mean: where the mean rises, the symbol falls.
        return -(slopes * torch.cat(means)).sum()

    def _bits_of_levels(self, symbols: Tensor, z_hat: Tensor, slopes: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What the symbols cost as far as their scale levels change it, and the surprises of all parts."""
        context = self._scales.context
        all_nats = self._scales(z_hat, self._position, False)
        all_symbols = symbols.flatten(0, 1)[None]
        refined: list[Tensor] = []
        surprises: list[Tensor] = []
        for number, part in enumerate(context.parts):
            nats = all_nats[:, part.in_latent]
            refined.append(nats_to_table(context(number, nats, surprises, False), False))
            surprises.append(context.surprise(all_symbols[:, part.in_latent], nats).requires_grad_())
        levels = LEVELS_PER_NAT * torch.cat(refined, dim=1).view_as(slopes)
        return (slopes * levels).sum(), surprises
