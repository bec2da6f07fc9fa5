"""How the cost of an image changes with each symbol and each element of its decoded latent, through the networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cnncompress.codec.latents import Quantised
from cnncompress.codec.refinement.cost import RateDistortion
from cnncompress.codec.refinement.gradient import Gradients, RateSlopes, Surroundings
from cnncompress.engines.interface import Engine
from cnncompress.engines.torch import TorchEngine
from cnncompress.entropy.scales import IntegerScales
from cnncompress.model.config import LEVELS_PER_NAT
from cnncompress.model.weights import Weights
from cnncompress.nn.margins import trimmed
from cnncompress.nn.network import CodecNetwork
from cnncompress.nn.quality import quality_position
from cnncompress.nn.stored import network_of
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


class DifferentiableModel:
    """The networks of a model as torch knows them. Holds no state between images; threads may share it.

    Attributes:
        network: Float networks: those of the engine if it is torch's, so that they are on its device.
        scales: Twin of the integer scale networks.
        device: Where they are.
    """

    def __init__(self, weights: Weights, engine: Engine) -> None:
        """Builds what is not there yet.

        Args:
            weights: The model.
            engine: What runs it otherwise.
        """
        if isinstance(engine, TorchEngine):
            self.network, self.device = engine.network, engine.torch_device
        else:
            self.device = torch.device("cpu")
            self.network = network_of(weights).to(memory_format=torch.channels_last).eval()
        self.scales = twin_of(weights.scales, self.device)


class NetworkGradient:
    """Gradient of the cost of one image at one quality."""

    def __init__(
        self,
        model: DifferentiableModel,
        engine: Engine,
        measure: RateDistortion,
        surroundings: Surroundings,
        quality: Hundredths,
    ) -> None:
        """Prepares what all gradients share.

        Args:
            model: The networks.
            engine: That of the latents.
            measure: The cost, and the image.
            surroundings: Of its latent.
            quality: Of the file.
        """
        self._model = model
        self._engine = engine
        self._network: CodecNetwork = model.network
        self._device = model.device
        self._position = quality_position(torch.tensor([quality / 100.0]), self._network.config.anchors).to(
            model.device
        )
        self._original = self._samples_of(measure.original)
        self._frame = self._here(engine.fetched(surroundings.y_hat))
        self._margins = surroundings.margins
        self._bits_per_square = measure.bits_per_square
        self._fast = bfloat16_is_fast(model.device)

    def __call__(self, coded: Quantised, pixels: NDArray[np.uint8] | None, slopes: RateSlopes) -> Gradients:
        """Takes the gradient.

        Args:
            coded: Where to take it.
            pixels: uint8 ``[H, W, 3]``, what a decoder makes of it; None if it is not known, and the network is run.
            slopes: Of the rate.
        """
        means, deltas = (self._here(self._engine.fetched(x)[0]) for x in (coded.walk.means(), coded.walk.deltas()))
        symbols = self._here(coded.latents.y).float()
        decoded = (means + deltas * symbols).requires_grad_()
        z_hat = self._here(coded.latents.z[None]).float().requires_grad_()
        with torch.enable_grad(), torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._fast):
            cost = self._distortion(decoded, pixels)
            level_bits, surprises = self._bits_of_levels(symbols, z_hat, self._here(slopes.levels))
            cost = cost + self._bits_of_means(decoded, z_hat, self._here(slopes.symbols) / deltas) + level_bits
            # Not all of them have one: nothing comes after the last part.
            inputs = (decoded, z_hat, *surprises)
            y, z, *others = torch.autograd.grad(cost, inputs, allow_unused=True, materialize_grads=True)
        surprise = torch.cat(others, dim=1).view_as(y)
        return Gradients(*(x.float().cpu().numpy() for x in (deltas * y, surprise, z[0])))

    def _here(self, array: NDArray[Any]) -> Tensor:
        return torch.tensor(array, device=self._device)

    def _samples_of(self, pixels: NDArray[np.uint8]) -> Tensor:
        """uint8 ``[H, W, 3]`` as float32 ``[1, 3, H, W]`` in ``0 .. 1``."""
        return self._here(pixels).permute(2, 0, 1)[None].float() / 255.0

    def _distortion(self, decoded: Tensor, pixels: NDArray[np.uint8] | None) -> Tensor:
        """Surrogate with the distortion's gradient: sum(dD/dx * x), dD/dx held fixed."""
        network = self._network
        core = network.partition.merge(list(decoded.split(1)))
        y_hat = network.unscaled(self._framed(core), self._position)
        # Without the restoration filter's derivative the search is faster and, as measured, finds slightly more.
        unrestored, margins = network.g_s.unrestored(y_hat, self._position, self._margins)
        if pixels is None:
            with torch.no_grad():
                x_hat = network.g_s.restored(unrestored, self._position, margins).clamp(0.0, 1.0)
        else:
            x_hat = self._samples_of(pixels)
        samples = trimmed(unrestored, margins)
        height, width = self._original.shape[2:]
        slope = 2.0 * self._bits_per_square * (x_hat[..., :height, :width] - self._original)
        return (slope * samples[..., :height, :width]).sum()

    def _framed(self, core: Tensor) -> Tensor:
        """A decoded latent in its surroundings."""
        left, top, right, bottom = (margin.extent for margin in self._margins)
        if not (left or top or right or bottom):
            return core
        rows, columns = core.shape[-2:]
        frame = self._frame.clone()
        frame[..., top : top + rows, left : left + columns] = 0.0
        return frame + F.pad(core, (left, right, top, bottom))

    def _bits_of_means(self, decoded: Tensor, z_hat: Tensor, slopes: Tensor) -> Tensor:
        """What the symbols cost as far as their means change it; slopes in bits per base step."""
        means: list[Tensor] = []

        def code(step: int, mean: Tensor, delta: Tensor) -> Tensor:
            means.append(mean)
            return decoded[step : step + 1]

        self._network.walk_context(z_hat, self._position, code)
        # A symbol is what is left of the target after its mean: where the mean rises, the symbol falls.
        return -(slopes * torch.cat(means)).sum()

    def _bits_of_levels(self, symbols: Tensor, z_hat: Tensor, slopes: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What the symbols cost as far as their scale levels change it, and the surprises of all parts."""
        context = self._model.scales.context
        all_nats = self._model.scales(z_hat, self._position, False)
        all_symbols = symbols.flatten(0, 1)[None]
        refined: list[Tensor] = []
        surprises: list[Tensor] = []
        for number, part in enumerate(context.parts):
            nats = all_nats[:, part.in_latent]
            refined.append(nats_to_table(context(number, nats, surprises, False), False))
            surprises.append(context.surprise(all_symbols[:, part.in_latent], nats).requires_grad_())
        levels = LEVELS_PER_NAT * torch.cat(refined, dim=1).view_as(slopes)
        return (slopes * levels).sum(), surprises
